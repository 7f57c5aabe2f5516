import DequeModule
import Dispatch
import MembusModel
import Synchronization

/// A queue between the bus thread and the threads that work for it. Its bound is the core's: it admits no more than the
/// configured number of requests.
final class WorkQueue<Element: Sendable>: Sendable {
    private struct State {
        var items: Deque<Element> = []
        var isClosed = false
    }
    private let state = Mutex(State())
    private let arrived = DispatchSemaphore(value: 0)
    private let takers: Int
    /// Whether a taker waits for whatever comes, elements or not.
    private let isIdle = Atomic<Bool>(false)

    /// - Parameter takers: threads that take from it.
    init(takers: Int = 1) { self.takers = takers }

    func push(contentsOf elements: [Element]) {
        guard !elements.isEmpty else { return }
        state.withLock { $0.items.append(contentsOf: elements) }
        for _ in 0..<min(elements.count, takers) { arrived.signal() }
    }

    /// Takers get what is left, then `nil` or `false`.
    func close() {
        state.withLock { $0.isClosed = true }
        for _ in 0..<takers { arrived.signal() }
    }

    /// Waits for an element. `nil`: the queue is closed and empty.
    func take() -> Element? {
        while true {
            arrived.wait()
            let (element, isLeft, isClosed) = state.withLock { state in
                (state.items.popFirst(), !state.items.isEmpty, state.isClosed)
            }
            // One signal may have stood for more than one element.
            if isLeft { arrived.signal() }
            if let element { return element }
            if isClosed { return nil }
        }
    }

    /// Ends a wait, whatever for.
    func wake() { arrived.signal() }

    /// Ends an idle wait.
    func nudge() {
        if isIdle.load(ordering: .relaxed), isIdle.exchange(false, ordering: .acquiringAndReleasing) {
            arrived.signal()
        }
    }

    /// The same, until somebody nudges, too.
    func takeIdly(into buffer: inout [Element], patience: Duration) -> Bool {
        isIdle.store(true, ordering: .releasing)
        defer { isIdle.store(false, ordering: .releasing) }
        return take(into: &buffer, patience: patience)
    }

    /// Waits for elements, and takes all that wait in place of what `buffer` holds.
    /// - Parameter patience: how long to wait; nothing is taken after that.
    /// - Returns: `false`: the queue is closed and empty.
    func take(into buffer: inout [Element], patience: Duration) -> Bool {
        buffer.removeAll(keepingCapacity: true)
        _ = arrived.wait(timeout: .now() + .nanoseconds(Int(patience.wholeNanoseconds)))
        let isClosed = state.withLock { state in
            buffer.append(contentsOf: state.items)
            state.items.removeAll(keepingCapacity: true)
            return state.isClosed
        }
        return !(isClosed && buffer.isEmpty)
    }
}
