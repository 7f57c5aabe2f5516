import Logging
import MembusBus
import MembusModel
import MembusSearch
import MembusStore

// The life of the thread that keeps the index:
//
//   questions that wait ─▶ answered, or kept until the index is far enough ─▶ a piece of the index ─▶ a rest, by its pace ─▶ …
//
// A question that comes meanwhile ends the rest.

struct SearchLoop: Sendable {
    let desk: Desk
    let room: SearchRoom
    let queue: WorkQueue<QueuedRead>
    let errands: SearchErrands
    let visible: VisibleRevision
    let results: Inbox<BrokerInput<PeerEnvelope>>
    let log: Logger

    func run() {
        var waiting: [QueuedRead] = []
        var new: [QueuedRead] = []
        var pace = IndexPace(visible: visible.newest, now: .now)
        var fault = RepeatedFault()
        var quiet = 0
        var written = Instant.now
        var rest: Duration = .zero
        while quiet > 0 && waiting.isEmpty
            ? queue.takeIdly(into: &new, patience: rest) : queue.take(into: &new, patience: rest)
        {
            waiting += new
            waiting = waiting.filter { !answer($0) }
            let isAwaited = errands.run(in: room)
            let started = Instant.now
            // What is little is written now and then.
            let isIdle = quiet > 3 && started > written + .seconds(5)
            if isIdle { written = started }
            let tries = room.tries
            let hasMore = room.step(isIdle: isIdle, now: started)
            desk.indexed.post(room.figures)
            if room.tries > tries { tell(&fault) }
            let now = Instant.now
            quiet = hasMore ? 0 : quiet + 1
            rest = pace.rest(after: now - started, visible: visible.newest, now: now)
            if !hasMore {
                rest = max(
                    rest, isAwaited || !waiting.isEmpty ? .milliseconds(2) : .milliseconds(quiet > 3 ? 1000 : 100))
            }
        }
        for read in waiting { _ = results.push(.answered(ticket: read.ticket, .failure(Hurry.refusal))) }
    }

    /// - Returns: whether it is done with.
    private func answer(_ asked: QueuedRead) -> Bool {
        var read = asked
        guard let answer = desk.step(&read, now: .now) else { return false }
        // The core admits no more look-ups than the inbox has room for.
        _ = results.push(.answered(ticket: read.ticket, answer))
        return true
    }

    private func tell(_ fault: inout RepeatedFault) {
        if let problem = room.fault {
            if let line = fault.failed(problem, now: .now) { log.warning("\(line)") }
        } else if let line = fault.worked("the index goes on", now: .now) {
            log.notice("\(line)")
        }
    }
}

/// How long the index rests after a piece, by how fast the commits come: they come first. Up to 1,500 a second it does not; beyond, it
/// takes ever less of a processor, down to a twentieth.
struct IndexPace: Sendable {
    private var visible: Revision
    private var looked: Instant
    private var share = 1.0

    init(visible: Revision, now: Instant) { (self.visible, looked) = (visible, now) }

    mutating func rest(after step: Duration, visible: Revision, now: Instant) -> Duration {
        let passed = now - looked
        if passed >= .milliseconds(50) {
            let rate = Double(visible - self.visible) / max(passed / .seconds(1), 0.001)
            share = max(0.05, min(1, 1500 / max(rate, 1)))
            (self.visible, looked) = (visible, now)
        }
        return share >= 1 ? .zero : step * (1 / share - 1)
    }
}
