import MembusBus
import MembusModel
import MembusSystem

// The lives of the threads that read, each with a connection of its own:
//
//   ReadLoop      look-ups in the order in which they came, a piece of each: most are done with it
//   PiecesLoop    what is not, in turns
//   ReadLoop      the long ones, which are one piece, and keep only each other waiting
//   ReadLoop      what is planned, to be committed; and another for what is only to be told

/// The life of a thread that takes look-ups in the order in which they came.
struct ReadLoop: Sendable {
    let desk: Desk
    let queue: WorkQueue<QueuedRead>
    /// What takes more than a piece.
    let pieces: PieceQueue
    /// The look-ups that take long, for whoever wonders.
    let running: RunningLookUps
    let results: Inbox<BrokerInput<PeerEnvelope>>

    func run() {
        while var read = queue.take() {
            let isLong = read.thread != .short
            if isLong { running.began(read.ticket, read.name, at: .now) }
            defer { if isLong { running.ended(read.ticket) } }
            guard let answer = desk.step(&read, now: .now) else {
                pieces.arrive(read)
                continue
            }
            // The core admits no more look-ups than the inbox has room for.
            _ = results.push(.answered(ticket: read.ticket, answer))
        }
    }
}

/// The life of a thread that goes on with what takes more than a piece.
struct PiecesLoop: Sendable {
    let desk: Desk
    let queue: PieceQueue
    let results: Inbox<BrokerInput<PeerEnvelope>>

    func run() {
        while let isBack = turn() { if isBack { queue.wake() } }
    }

    /// Nobody takes a read on before this one has let go of it: two who hold it would make a copy of all that it has found.
    /// - Returns: whether there is more to do; `nil`: the queue is closed.
    private func turn() -> Bool? {
        guard var read = queue.take() else { return nil }
        guard let answer = desk.step(&read, now: .now) else {
            queue.comeBack(read)
            return true
        }
        queue.finish()
        _ = results.push(.answered(ticket: read.ticket, answer))
        return false
    }
}
