import Logging
import MembusBus
import MembusModel
import MembusSearch
import MembusStore

// The life of the thread that keeps the index:
//
//   questions that wait ─▶ answered, or kept until the index is far enough ─▶ a piece of the index ─▶ a rest, by its pace ─▶ …
//
// A question that comes meanwhile ends the rest, and so does news of meaning: a question that waits for its vector is not looked at
// before there is some.

struct SearchLoop: Sendable {
    let desk: Desk
    let room: SearchRoom
    let queue: WorkQueue<QueuedRead>
    let errands: SearchErrands
    let visible: VisibleRevision
    let results: Inbox<BrokerInput<PeerEnvelope>>
    let log: Logger

    private struct Waiting {
        let read: QueuedRead
        /// Of meaning, when it was looked at; `nil`: it waits for the index.
        let news: Int?
    }

    func run() {
        var waiting: [Waiting] = []
        var new: [QueuedRead] = []
        var told: IndexFigures?
        var pace = IndexPace(visible: visible.newest, now: .now)
        var fault = RepeatedFault()
        var quiet = 0
        var written = Instant.now
        var rest: Duration = .zero
        while quiet > 0
            ? queue.takeIdly(into: &new, patience: rest) : queue.take(into: &new, patience: rest)
        {
            waiting = waiting.compactMap(lookAgain) + new.compactMap(answer)
            let isAwaited = errands.run(in: room)
            let started = Instant.now
            // What is little is written now and then.
            let isIdle = quiet > 3 && started > written + .seconds(5)
            if isIdle { written = started }
            let tries = room.tries
            let hasMore = room.step(isIdle: isIdle, now: started)
            let figures = room.figures
            desk.indexed.post(figures)
            if room.tries > tries { tell(&fault) }
            let now = Instant.now
            quiet = hasMore ? 0 : quiet + 1
            rest = pace.rest(after: now - started, visible: visible.newest, now: now)
            if !hasMore {
                // Whoever waits for the index may have what he waits for now.
                let isFurther = figures != told && (isAwaited || waiting.contains { $0.news == nil })
                rest = isFurther ? rest : max(rest, patience(quiet, waiting, now))
            }
            told = figures
        }
        for one in waiting { _ = results.push(.answered(ticket: one.read.ticket, .failure(Hurry.refusal))) }
    }

    /// Who waits for nothing but his deadline learns of that in time.
    private func patience(_ quiet: Int, _ waiting: [Waiting], _ now: Instant) -> Duration {
        let usual = Duration.milliseconds(quiet > 3 ? 1000 : 100)
        guard let deadline = waiting.compactMap(\.read.deadline).min() else { return usual }
        return max(.milliseconds(2), min(usual, deadline - now + .milliseconds(1)))
    }

    /// - Returns: `nil`: it is done with.
    private func lookAgain(_ one: Waiting) -> Waiting? {
        let isLate = one.read.deadline.map { $0 < .now } ?? false
        if let news = one.news, news == room.news, !isLate, !desk.hurry.isOn { return one }
        return answer(one.read)
    }

    /// - Returns: `nil`: it is done with.
    private func answer(_ asked: QueuedRead) -> Waiting? {
        var read = asked
        let (news, awaited) = (room.news, room.awaited)
        guard let answer = desk.step(&read, now: .now) else {
            return Waiting(read: read, news: room.awaited > awaited ? news : nil)
        }
        // The core admits no more look-ups than the inbox has room for.
        _ = results.push(.answered(ticket: read.ticket, answer))
        return nil
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
