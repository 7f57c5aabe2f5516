/// One register with compare-and-set, as in Jepsen's test of etcd.
public struct Register: SequentialModel {
    public enum Operation: Hashable, Sendable {
        case read
        case write(Int)
        case swap(from: Int, to: Int)
    }
    public enum Response: Hashable, Sendable {
        /// `nil`: nothing was ever written.
        case value(Int?)
        case written
        case swapped(Bool)
    }
    public let initial: Int?

    public init(initial: Int? = nil) { self.initial = initial }

    public func step(_ state: Int?, _ operation: Operation, _ response: Response?) -> Int?? {
        switch (operation, response) {
        case (.read, nil): .some(state)
        case (.read, .value(let value)): value == state ? .some(state) : nil
        case (.write(let value), nil), (.write(let value), .written): .some(value)
        case (.swap(let from, let to), nil), (.swap(let from, let to), .swapped(true)): state == from ? .some(to) : nil
        case (.swap(let from, _), .swapped(false)): state == from ? nil : .some(state)
        default: nil
        }
    }

    public func places(of operation: Operation) -> [Int] { [0] }
}

/// Texts under keys, "" where nothing was put, each key by itself.
public struct TextMap: SequentialModel {
    public enum Action: Hashable, Sendable {
        case get
        case put(String)
        case append(String)
    }
    public struct Operation: Hashable, Sendable {
        public var key: String
        public var action: Action
        public init(_ key: String, _ action: Action) {
            self.key = key
            self.action = action
        }
    }
    public let initial = ""

    public init() {}

    /// - Parameter response: the text that a get found; "" for the others.
    public func step(_ state: String, _ operation: Operation, _ response: String?) -> String? {
        switch operation.action {
        case .get: response.map { $0 == state } ?? true ? state : nil
        case .put(let text): text
        case .append(let text): state + text
        }
    }

    public func places(of operation: Operation) -> [String] { [operation.key] }
}
