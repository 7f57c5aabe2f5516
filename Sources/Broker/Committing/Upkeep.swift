import MembusModel
import MembusStore

// When history and sessions are dropped: by the retention, looked at every minute by default, and when somebody asks.
//
//   1. due       items for the next batch: none while a sweep is under way
//   2. decided   they are on disk, and the floor has risen: a sweep begins
//   3. swept     step by step, between batches, up to the new floor: only now are those told who asked
//
// Invariant: whoever asked is answered once, with the floor that was swept to or with a refusal.

struct Upkeep {
    private let retention: Retention
    /// Sessions that nobody used for so long are dropped.
    private let sessionLife: Duration
    /// Between two looks.
    private let period: Duration
    private var nextLook: Instant
    private var asked: [(ticket: Ticket, request: Compact)] = []
    private var sweepingFor: [Ticket] = []
    private(set) var isSweeping = false

    init(
        retention: Retention, period: Duration = .seconds(60), sessionLife: Duration = .seconds(30 * 24 * 3600),
        now: Instant
    ) {
        self.retention = retention
        self.sessionLife = sessionLife
        self.period = period
        nextLook = now + period
    }

    var isUnderWay: Bool { isSweeping || !asked.isEmpty }

    mutating func ask(_ request: Compact, ticket: Ticket) { asked.append((ticket, request)) }

    /// What goes into the next batch; whoever asked for some of it waits from now on.
    mutating func due(now: Instant, wall: Timestamp) -> [(ticket: Ticket, item: WriteItem)] {
        if isSweeping { return [] }
        if !asked.isEmpty {
            defer { asked = [] }
            return asked.map { ($0.ticket, .compact($0.request, by: retention)) }
        }
        guard now >= nextLook else { return [] }
        nextLook = now + period
        return [
            (.own, .dropSessions(unusedSince: wall.advanced(by: .zero - sessionLife))),
            (.own, .compact(Compact(), by: retention)),
        ]
    }

    /// What was due is on disk.
    /// - Returns: what of it was refused.
    mutating func decided(_ results: some Sequence<(Ticket, WriteResult)>) -> [(ticket: Ticket, refusal: Refusal)] {
        var refused: [(ticket: Ticket, refusal: Refusal)] = []
        for (ticket, result) in results {
            isSweeping = true
            if case .refused(let refusal) = result {
                refused.append((ticket, refusal))
            } else if ticket != .own {
                sweepingFor.append(ticket)
            }
        }
        return refused
    }

    /// A step was made.
    /// - Returns: who is to be told that all is done.
    mutating func swept(more: Bool) -> [Ticket] {
        isSweeping = more
        if more { return [] }
        defer { sweepingFor = [] }
        return sweepingFor
    }

    /// After a failure: no sweep is under way any more. The next one starts where the store says.
    /// - Returns: who is to be told.
    mutating func abandon() -> [Ticket] {
        isSweeping = false
        defer { sweepingFor = [] }
        return sweepingFor
    }

    /// What those are told whose compaction a failure has ended.
    static func refusal(after error: StoreError) -> Refusal {
        var refusal = error.refusal
        refusal.hint =
            error.kind == .diskFull
            ? "free space on the broker's disk, then compact again: it goes on where it stopped"
            : "see the broker's log, then compact again: it goes on where it stopped"
        return refusal
    }
}
