import MembusModel
import MembusStore
import MembusSystem

/// When history is dropped: by the retention, looked at every minute by default, and when somebody asks. Steps are
/// small and taken between batches.
struct Compactions {
    /// Sessions that nobody used for so long are dropped.
    private static let sessionLife: Duration = .seconds(30 * 24 * 3600)

    private let writer: Writer
    private let retention: Retention
    /// Between two looks.
    private let period: Duration
    private var isSweeping = false
    private var waiting: [(ticket: UInt64, request: Compact)] = []
    private var sweepingFor: [UInt64] = []
    private var nextLook: Instant

    init(writer: Writer, retention: Retention, period: Duration = .seconds(60), now: Instant = .now) {
        self.writer = writer
        self.retention = retention
        self.period = period
        nextLook = now + period
    }

    var isUnderWay: Bool { isSweeping || !waiting.isEmpty }

    mutating func ask(_ request: Compact, ticket: UInt64) { waiting.append((ticket, request)) }

    /// - Returns: the requests that are done, with the floor that was reached.
    mutating func step(now: Instant, wall: Timestamp) throws(StoreError) -> [(ticket: UInt64, floor: Revision)] {
        if isSweeping {
            isSweeping = try writer.sweep()
            if isSweeping { return [] }
            defer { sweepingFor = [] }
            let floor = writer.floor
            return sweepingFor.map { ($0, floor) }
        }
        if !waiting.isEmpty {
            try raise(for: waiting.map(\.request), wall: wall)
            sweepingFor = waiting.map(\.ticket)
            waiting = []
        } else if now >= nextLook {
            nextLook = now + period
            try writer.dropSessions(unusedSince: wall.advanced(by: .zero - Self.sessionLife))
            try writer.raiseFloor(to: try writer.floor(by: retention, now: wall, visible: writer.head.revision))
            isSweeping = true
        }
        return []
    }

    private mutating func raise(for requests: [Compact], wall: Timestamp) throws(StoreError) {
        isSweeping = true
        for request in requests {
            let visible = writer.head.revision
            let asked = try writer.floor(for: request, now: wall, visible: visible)
            let target = if let asked { asked } else { try writer.floor(by: retention, now: wall, visible: visible) }
            try writer.raiseFloor(to: target)
        }
    }

    /// After a failure: nothing is under way any more. The next look starts where the store says.
    mutating func abandon() -> [UInt64] {
        defer {
            waiting = []
            sweepingFor = []
            isSweeping = false
        }
        return waiting.map(\.ticket) + sweepingFor
    }
}
