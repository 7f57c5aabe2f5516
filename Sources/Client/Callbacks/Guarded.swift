import MembusBus

/// A mutex that several closures can hold on to.
final class Guarded<Value: Sendable>: Sendable {
    private let value: Lock<Value>
    init(_ value: Value) { self.value = Lock(value) }
    func withLock<T: Sendable>(_ body: (inout Value) throws -> T) rethrows -> T { try value.withLock { try body(&$0) } }
}
