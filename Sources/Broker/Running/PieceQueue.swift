import DequeModule
import Dispatch
import MembusModel
import Synchronization

/// Whose turn it is of the look-ups that take several pieces: one after another, a piece each. What is begun holds what
/// it has found, a page at most; so only some are, and the others wait as they were asked for.
struct PieceTurns {
    static let mostBegun = 32
    private var begun: Deque<QueuedRead> = []
    private var others: Deque<QueuedRead> = []
    /// Of the begun ones, those whose turn it is.
    private var underWay = 0

    private var hasRoom: Bool { begun.count + underWay < Self.mostBegun }

    /// Its first piece was not enough.
    mutating func arrive(_ read: QueuedRead) {
        if hasRoom && others.isEmpty { return begun.append(read) }
        var read = read
        read.forget()
        others.append(read)
    }

    mutating func next() -> QueuedRead? {
        while hasRoom, let other = others.popFirst() { begun.append(other) }
        guard let next = begun.popFirst() else { return nil }
        underWay += 1
        return next
    }

    /// Its turn is over, and it is not done.
    mutating func comeBack(_ read: QueuedRead) {
        underWay -= 1
        begun.append(read)
    }

    mutating func finish() { underWay -= 1 }
}

/// Where the threads for pieces take their turns.
final class PieceQueue: Sendable {
    private let state = Mutex((turns: PieceTurns(), isClosed: false))
    private let arrived = DispatchSemaphore(value: 0)
    private let takers: Int

    init(takers: Int) { self.takers = takers }

    func arrive(_ read: QueuedRead) {
        state.withLock { $0.turns.arrive(read) }
        arrived.signal()
    }

    /// To be followed by ``wake()``.
    func comeBack(_ read: QueuedRead) { state.withLock { $0.turns.comeBack(read) } }
    func wake() { arrived.signal() }

    func finish() { state.withLock { $0.turns.finish() } }

    /// Takers get what is left, then `nil`.
    func close() {
        state.withLock { $0.isClosed = true }
        for _ in 0..<takers { arrived.signal() }
    }

    /// Waits for one whose turn it is. `nil`: the queue is closed and empty.
    func take() -> QueuedRead? {
        while true {
            arrived.wait()
            let (read, isClosed) = state.withLock { ($0.turns.next(), $0.isClosed) }
            if let read { return read }
            if isClosed { return nil }
        }
    }
}
