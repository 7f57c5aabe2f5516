import MembusModel

/// What is to happen when, in the order of time, and of making for equal times: a binary heap.
struct Agenda {
    typealias Action = (World) -> Void
    private struct Item {
        var time: Instant
        var order: UInt64
        var action: Action
        func isBefore(_ other: Item) -> Bool { (time.nanoseconds, order) < (other.time.nanoseconds, other.order) }
    }
    private var heap: [Item] = []
    private var order: UInt64 = 0

    mutating func add(at time: Instant, _ action: @escaping Action) {
        order += 1
        heap.append(Item(time: time, order: order, action: action))
        var child = heap.count - 1
        while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next(until end: Instant) -> (time: Instant, action: Action)? {
        guard let first = heap.first, first.time <= end else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least])
            {
                least = child
            }
            if least == parent { break }
            heap.swapAt(parent, least)
            parent = least
        }
        return (first.time, first.action)
    }
}
