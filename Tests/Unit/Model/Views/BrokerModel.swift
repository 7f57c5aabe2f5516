import Foundation
import MembusDice

@testable import MembusModel

/// One history: the state after every revision.
struct Truth {
    var positions = [Position.origin]
    var changes: [[Record]] = [[]]
    var states: [[Key: Record]] = [[:]]
    var head: Position { positions[positions.count - 1] }

    mutating func commit(_ records: [Record], hash: UInt64) {
        positions.append(Position(revision: Revision(positions.count), hash: hash))
        changes.append(records)
        var state = states[states.count - 1]
        for record in records { state[record.key] = record.isDeleted ? nil : record }
        states.append(state)
    }
    func prefix(_ revision: Int) -> Truth {
        Truth(
            positions: Array(positions[...revision]), changes: Array(changes[...revision]),
            states: Array(states[...revision]))
    }
}

/// A naive broker of one stream: its own list of truth, `previous` and `last`, V, heartbeats, and pages of pulls.
final class BrokerModel {
    struct Stream {
        var id: StreamID
        var alias: UInt32
        var last: Revision
    }
    var lineage = Lineage(1)
    var instance = Instance(1)
    var truth = Truth()
    var floor: Revision = 0
    var generation: UInt64 = 1
    var stream: Stream?
    var sinces: [Revision] = [0]
    var clockOffset: Int64 = 0
    var isUp = true
    let filter: TopicFilter
    let mode: StreamMode
    private var ids: UInt64 = 100

    init(filter: TopicFilter, mode: StreamMode) {
        self.filter = filter
        self.mode = mode
    }
    var visible: Position { truth.head }

    func fresh() -> UInt64 {
        ids += 1
        return ids
    }

    func restart(clock: Int64) {
        instance = Instance(fresh())
        stream = nil
        generation = fresh()
        sinces = [visible.revision]
        clockOffset = clock
    }

    func register(_ newest: Token?) -> Registered {
        var reset = false
        if let newest {
            reset =
                newest.lineage != lineage || newest.revision > visible.revision
                || truth.positions[Int(newest.revision)] != newest.position
        }
        let stream =
            stream ?? Stream(id: StreamID(high: 7, low: fresh()), alias: UInt32(fresh()), last: visible.revision)
        self.stream = stream
        return Registered(stream: stream.id, alias: stream.alias, generation: generation, reset: reset)
    }

    func commit(_ records: [Record], hash: UInt64, announced: Bool) -> Event? {
        truth.commit(records, hash: hash)
        let seen = records.filter { filter.matches($0.key) }
        guard let stream, !seen.isEmpty else { return nil }
        self.stream?.last = visible.revision
        return Event(
            position: visible, previous: stream.last, records: announced ? [] : seen.map(travelling),
            isAnnounced: announced)
    }
    func travelling(_ record: Record) -> Record { mode == .update ? record : record.announced }

    func bookmark(_ nonce: UInt64? = nil) -> Bookmark? {
        stream.map { Bookmark(position: visible, last: $0.last, nonce: nonce) }
    }

    func heartbeat(clock: Int64) -> Heartbeat {
        let since = sinces[0]
        sinces = Array((sinces + [visible.revision]).suffix(4))
        let changed = stream.flatMap { $0.last > since ? Heartbeat.Entry(alias: $0.alias, last: $0.last) : nil }
        return Heartbeat(
            generation: generation, since: since, position: visible, changed: changed.map { [$0] } ?? [],
            clock: clock + clockOffset)
    }

    func pull(_ stream: StreamID, from: Token?, atLeast: Revision, page: PageToken?, _ random: inout Dice)
        -> Result<PullPage, Refusal>
    {
        guard stream == self.stream?.id else { return .failure(Refusal(.unknownStream, "unknown stream")) }
        if let from,
            from.lineage != lineage || from.revision > visible.revision
                || truth.positions[Int(from.revision)] != from.position
        {
            return .failure(Refusal(.historyDiffers, "history differs"))
        }
        if atLeast > visible.revision { return .failure(Refusal(.notYetVisible, "not yet")) }
        if random.chance(5) { return .failure(Refusal(.busy, "busy")) }
        let token = page ?? first(from, atLeast, &random)
        guard token.target.revision <= visible.revision, truth.positions[Int(token.target.revision)] == token.target
        else { return .failure(Refusal(.pullBroken, "target")) }
        switch token.content {
        case .snapshot(let after): return .success(snapshot(token.target, after))
        case .changes(let base, let after):
            if base.revision < floor { return .failure(Refusal(.belowFloor, "floor")) }
            return .success(delta(base, token.target, after))
        }
    }

    private func first(_ from: Token?, _ atLeast: Revision, _ random: inout Dice) -> PageToken {
        let least = max(atLeast, from?.revision ?? 0)
        let target = truth.positions[Int(least) + random.below(Int(visible.revision - least) + 1)]
        if let from, from.revision >= floor, random.chance(70) {
            return PageToken(content: .changes(base: from.position, after: .end(of: from.revision)), target: target)
        }
        return PageToken(content: .snapshot(after: nil), target: target)
    }

    private func snapshot(_ target: Position, _ after: Key?) -> PullPage {
        guard mode == .update else {
            return PullPage(isSnapshot: true, base: .origin, target: target, records: [], next: nil)
        }
        let all = truth.states[Int(target.revision)].values.filter { filter.matches($0.key) }.sorted { $0.key < $1.key }
        let rest = all.filter { record in after.map { record.key > $0 } ?? true }
        let page = Array(rest.prefix(2))
        let next = rest.count > 2 ? PageToken(content: .snapshot(after: page[1].key), target: target) : nil
        return PullPage(isSnapshot: true, base: .origin, target: target, records: page, next: next)
    }

    private func delta(_ base: Position, _ target: Position, _ after: LogCursor) -> PullPage {
        var rest: [Record] = []
        for revision in Int(base.revision)..<Int(target.revision) + 1 where revision > Int(base.revision) {
            rest += truth.changes[revision].filter {
                filter.matches($0.key) && LogCursor(revision: $0.revision, ordinal: $0.ordinal) > after
            }
        }
        let page = rest.prefix(2).map(travelling)
        let next =
            rest.count > 2
            ? PageToken(
                content: .changes(
                    base: base, after: LogCursor(revision: page[1].revision, ordinal: page[1].ordinal)), target: target)
            : nil
        return PullPage(isSnapshot: false, base: base, target: target, records: page, next: next)
    }
}
