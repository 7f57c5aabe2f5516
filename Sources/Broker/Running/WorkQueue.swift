import DequeModule
import Dispatch
import MembusModel
import MembusSystem
import Synchronization

// Queues between the bus thread and the threads that work for it. Their bound is the core's: it admits no
// more than the configured number of requests.

/// For several takers, each of which takes one element at a time.
final class JobQueue<Element: Sendable>: Sendable {
    private struct State {
        var items: Deque<Element> = []
        var isClosed = false
    }
    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)

    func push(contentsOf elements: [Element]) {
        guard !elements.isEmpty else { return }
        state.withLock { $0.items.append(contentsOf: elements) }
        for _ in elements { arrived.signal() }
    }

    /// Takers get what is left, then `nil`.
    func close(takers: Int) {
        state.withLock { $0.isClosed = true }
        for _ in 0..<takers { arrived.signal() }
    }

    /// Waits for an element. `nil`: the queue is closed and empty.
    func take() -> Element? {
        while true {
            arrived.wait()
            if let element = state.withLock({ $0.items.popFirst() }) { return element }
            if state.withLock({ $0.isClosed }) { return nil }
        }
    }
}

/// For one taker, which takes all that is waiting.
final class BatchQueue<Element: Sendable>: Sendable {
    private struct State {
        var items: [Element] = []
        var isClosed = false
    }
    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)

    func push(contentsOf elements: [Element]) {
        guard !elements.isEmpty else { return }
        state.withLock { $0.items.append(contentsOf: elements) }
        arrived.signal()
    }

    func close() {
        state.withLock { $0.isClosed = true }
        arrived.signal()
    }

    /// Waits for elements, and takes all that wait in exchange for `buffer`, whose elements are dropped.
    /// - Parameter patience: how long to wait; nothing is taken after that.
    /// - Returns: `false`: the queue is closed and empty.
    func take(into buffer: inout [Element], patience: Duration) -> Bool {
        buffer.removeAll(keepingCapacity: true)
        _ = arrived.wait(timeout: .now() + .nanoseconds(Int(patience.wholeNanoseconds)))
        let isClosed = state.withLock { state in
            swap(&state.items, &buffer)
            return state.isClosed
        }
        return !(isClosed && buffer.isEmpty)
    }
}
