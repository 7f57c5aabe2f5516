// A search that is followed: its page, and again whenever it may have become another. A stream of invalidations of its topics
// and of the settings, the signal, tells when there is something new; whether that counts, the broker says.
//
//   ask for the page ─▶ hand it ─▶ pause ─▶ wait for the signal ─▶ ask, since the page's state ─▶ hand the new page ─▶ …
//                                    ▲                                         │
//                                    └────────── unchanged ◀───────────────────┘
//
// Invariants:
//   1. Between two questions there is a pause, however much is written.
//   2. The signal is awaited from the state that was answered last: a question that came before the index was there is
//      asked again.
//   3. While passages are still being embedded, nothing that is written tells of the page that their vectors make: it is asked
//      for, until meaning takes part.
//   4. A broker that is away, or busy, is waited for; only an answer ends it, or its owner. Another history is searched anew.

struct SearchWatching: StepwiseCall {
    typealias Product = SearchPage
    typealias Given = Never

    private enum Next: Sendable {
        case ask, pause, wait
    }

    /// Between two questions.
    static let pause: Duration = .milliseconds(250)

    private let signal: ViewID
    private let asked: Search
    private var next = Next.ask
    /// The state that was answered last, and by which broker; `nil`: the whole page is asked for.
    private var last: (token: Token, instance: Instance)?
    /// The page that was handed over while vectors were missing; `nil`: none are.
    private var unsettled: SearchPage?

    init(signal: ViewID, _ asked: Search) {
        self.signal = signal
        self.asked = asked
    }

    func begin() -> Action {
        switch next {
        case .ask:
            var asked = asked
            asked.since = last?.token.revision
            return .ask(asked)
        case .pause: return .pause(Self.pause)
        case .wait:
            return .reach(
                signal, .changed(after: last?.token.revision ?? 0, asOf: last?.instance),
                within: Watching.longestWaiting)
        }
    }

    mutating func take(_ input: Input) throws -> Action {
        switch input {
        case .passed:
            if next == .pause { next = unsettled == nil ? .wait : .ask }
            if unsettled != nil { last = nil }
            return begin()
        case .answered(let answer): return try take(answer)
        case .failed(let error, _): return try failed(error)
        }
    }

    private mutating func take(_ answer: Answer) throws -> Action {
        if next == .wait {
            guard case .heard = answer else { throw Connection.unexpected }
            next = .ask
            return begin()
        }
        let answered = try answer.answered(to: Search.self)
        let page = answered.answer
        let token = Token(lineage: answered.lineage, position: page.at)
        if page.isUnchanged, token.lineage != last?.token.lineage {
            // Of another history, it says nothing about the page that was handed over.
            last = nil
            return begin()
        }
        last = (token, answered.instance)
        next = .pause
        if page.isUnchanged { return begin() }
        let isKnown = unsettled.map { $0.hits == page.hits && !page.standing.usesMeaning } ?? false
        unsettled = isMissingVectors(page) ? page : nil
        return isKnown ? begin() : .hand(page)
    }

    private func isMissingVectors(_ page: SearchPage) -> Bool {
        asked.vector == nil && asked.meaning == .whereComplete && !page.standing.usesMeaning
            && page.standing.embedded > 0 && page.standing.embedded < 1
    }

    private mutating func failed(_ error: any Error) throws -> Action {
        switch error {
        case MembusError.timeout, MembusError.stale: return begin()
        case MembusError.refused(let refusal) where refusal.code.remedy == .retry: return .pause(Watching.pause)
        case MembusError.refused(let refusal) where next == .ask && last != nil && Self.tellsOfLoss(refusal):
            last = nil
            return begin()
        default: throw error
        }
    }

    /// The state that was answered last is none of the broker's, or no longer.
    private static func tellsOfLoss(_ refusal: Refusal) -> Bool {
        [.historyDiffers, .beyondHead, .belowFloor].contains(refusal.code)
    }
}
