import MembusBus

/// The life of a reading thread: look-ups from its own connection, one at a time.
struct ReadLoop: Sendable {
    let desk: Desk
    let queue: WorkQueue<QueuedRead>
    let results: Inbox<BrokerInput<PeerEnvelope>>

    func run() {
        while let read = queue.take() {
            // The core admits no more look-ups than the inbox has room for.
            _ = results.push(.answered(ticket: read.ticket, desk.answer(read, now: .now)))
        }
    }
}
