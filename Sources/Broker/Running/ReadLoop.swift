import MembusBus
import MembusModel
import MembusSystem

// The lives of the threads that read, each with a connection of its own:
//
//   ReadLoop      look-ups in the order in which they came, a piece of each: most are done with it
//   PiecesLoop    what is not, in turns
//   ReadLoop      the long ones, which are one piece, and keep only each other waiting

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
            let isLong = read.isLong
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
        while var read = queue.take() {
            if let answer = desk.step(&read, now: .now) {
                queue.finish()
                _ = results.push(.answered(ticket: read.ticket, answer))
            } else {
                queue.comeBack(read)
            }
        }
    }
}
