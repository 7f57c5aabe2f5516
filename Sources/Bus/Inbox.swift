/// A bounded queue from many threads to the one that owns the sockets, which it wakes.
package final class Inbox<Element: Sendable>: Sendable {
    package let capacity: Int
    private let waker: Waker
    private let waiting = Lock<[Element]>([])

    /// - Parameter waker: of the receiving thread; several inboxes may share it.
    package init(capacity: Int, waker: Waker) {
        self.capacity = capacity
        self.waker = waker
    }

    /// - Returns: `false` if the queue is full; nothing was added then.
    package func push(_ element: Element) -> Bool {
        let isAdded = waiting.withLock { waiting in
            guard waiting.count < capacity else { return false }
            waiting.append(element)
            return true
        }
        if isAdded { waker.signal() }
        return isAdded
    }

    /// Adds all or, if they do not fit, nothing.
    package func push(contentsOf elements: [Element]) -> Bool {
        if elements.isEmpty { return true }
        let isAdded = waiting.withLock { waiting in
            guard waiting.count + elements.count <= capacity else { return false }
            waiting.append(contentsOf: elements)
            return true
        }
        if isAdded { waker.signal() }
        return isAdded
    }

    /// Takes everything that waits, in order, in exchange for `buffer`, whose elements are dropped and whose
    /// memory is used again. Drain the waker first.
    package func take(into buffer: inout [Element]) {
        buffer.removeAll(keepingCapacity: true)
        waiting.withLock { swap(&$0, &buffer) }
    }

    package var count: Int { waiting.withLock { $0.count } }
}
