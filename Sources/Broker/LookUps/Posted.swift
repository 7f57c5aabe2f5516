import Synchronization

/// Where a thread leaves what it knows by now, for whoever asks for the status.
package final class Posted<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    package init() {}
    package func post(_ newest: Value?) { value.withLock { $0 = newest } }
    package var newest: Value? { value.withLock { $0 } }
}
