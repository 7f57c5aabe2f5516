/// One register with compare-and-set, as in Jepsen's test of etcd.
package struct SingleRegister: SequentialModel {
    package enum Operation: Hashable, Sendable {
        case read
        case write(Int)
        case swap(from: Int, to: Int)
    }
    package enum Response: Hashable, Sendable {
        /// `nil`: nothing was ever written.
        case value(Int?)
        case written
        case swapped(Bool)
    }
    package let initial: Int?

    package init(initial: Int? = nil) { self.initial = initial }

    package func step(_ state: Int?, _ operation: Operation, _ response: Response?) -> Int?? {
        switch (operation, response) {
        case (.read, nil): .some(state)
        case (.read, .value(let value)): value == state ? .some(state) : nil
        case (.write(let value), nil), (.write(let value), .written): .some(value)
        case (.swap(let from, let to), nil), (.swap(let from, let to), .swapped(true)): state == from ? .some(to) : nil
        case (.swap(let from, _), .swapped(false)): state == from ? nil : .some(state)
        default: nil
        }
    }

    package func places(of operation: Operation) -> [Int] { [0] }
}

/// Texts under keys, "" where nothing was put, each key by itself.
package struct TextMap: SequentialModel {
    package enum Action: Hashable, Sendable {
        case get
        case put(String)
        case append(String)
    }
    package struct Operation: Hashable, Sendable {
        package var key: String
        package var action: Action
        package init(_ key: String, _ action: Action) {
            self.key = key
            self.action = action
        }
    }
    package let initial = ""

    package init() {}

    /// - Parameter response: the text that a get found; "" for the others.
    package func step(_ state: String, _ operation: Operation, _ response: String?) -> String? {
        switch operation.action {
        case .get: response.map { $0 == state } ?? true ? state : nil
        case .put(let text): text
        case .append(let text): state + text
        }
    }

    package func places(of operation: Operation) -> [String] { [operation.key] }
}
