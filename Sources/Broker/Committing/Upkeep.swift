import MembusModel
import MembusStore

// When history and sessions are dropped: by the retention, looked at every minute by default, and when somebody asks.
//
//   1. due       items for the next batch: while a sweep is under way only pieces of the search for unused sessions,
//                which are looked through at every look of the retention
//   2. decided   they are on disk, and the floor has risen: a sweep begins
//   3. swept     step by step, between batches, up to the new floor, or to a state that a list is being read of: only now
//                are those told who asked. What was left for a list's sake goes with the next look
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
    private var isDroppingSessions = false

    init(
        retention: Retention, period: Duration = .seconds(60), sessionLife: Duration = .seconds(30 * 24 * 3600),
        now: Instant
    ) {
        self.retention = retention
        self.sessionLife = sessionLife
        self.period = period
        nextLook = now + period
    }

    var isUnderWay: Bool { isSweeping || isDroppingSessions || !asked.isEmpty }

    mutating func ask(_ request: Compact, ticket: Ticket) { asked.append((ticket, request)) }

    /// What goes into the next batch; whoever asked for some of it waits from now on.
    mutating func due(now: Instant) -> [(ticket: Ticket, item: WriteItem)] {
        var due: [(ticket: Ticket, item: WriteItem)] = []
        let isTime = !isSweeping && asked.isEmpty && now >= nextLook
        if isDroppingSessions || isTime { due.append((.own, .dropSessions(unusedFor: sessionLife))) }
        isDroppingSessions = false
        if isTime {
            nextLook = now + period
            due.append((.own, .compact(Compact(), by: retention)))
        } else if !isSweeping {
            due += asked.map { ($0.ticket, .compact($0.request, by: retention)) }
            asked = []
        }
        return due
    }

    /// What was due is on disk.
    /// - Returns: what of it was refused.
    mutating func decided(_ results: some Sequence<(Ticket, WriteResult)>) -> [(ticket: Ticket, refusal: Refusal)] {
        var refused: [(ticket: Ticket, refusal: Refusal)] = []
        for (ticket, result) in results {
            if case .more = result {
                isDroppingSessions = true
                continue
            }
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
