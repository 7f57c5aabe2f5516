import Foundation
import MembusChecker
import MembusModel
import MembusRecording

// Makes the checker's history of what real processes put on record.
//
// Nobody saw into the broker, so nothing says when it told, showed or published something. That a state was
// visible is concluded from the first who saw it: later than it was, never earlier. A view's cache is looked at
// from time to time: the states that it had in between are not on record, and where it moved it is held against
// the whole state at its new cut, as after a snapshot.

struct RecordedHistory {
    private(set) var history = History()
    private let origin: Int64
    private var facts: [(time: Int64, Fact)] = []
    /// How often operations are still to be asked for: of those that a closure asked for again, the last time counts.
    private var askings: [Int: Int] = [:]
    private var lastRead = 0
    /// What each view showed last.
    private var shown: [ViewName: Token] = [:]
    private var modes: [ViewName: StreamMode] = [:]
    private var visible: [Lineage: Revision] = [:]
    private var replaced: Set<Lineage> = []

    init(_ recording: Recording, truths: [Lineage: Truth]) throws {
        history.truths = truths
        origin = recording.lines.first?.t ?? 0
        for line in recording.lines { if case .invoked(let op, _) = line.fact { askings[op, default: 0] += 1 } }
        for line in recording.lines { try take(line) }
        let order = facts.indices.sorted { (facts[$0].time, $0) < (facts[$1].time, $1) }
        for index in order { history.note(instant(facts[index].time), facts[index].1) }
    }

    /// Stories count from 1,000 s on.
    func instant(_ time: Int64) -> Instant { Instant(nanoseconds: time - origin + 1_000_000_000_000) }

    private mutating func note(_ time: Int64, _ fact: Fact) { facts.append((time, fact)) }

    private mutating func take(_ line: RecordedLine) throws {
        func name(_ number: UInt64) -> ViewName { ViewName(agent: line.agent, life: line.life, number: number) }
        switch line.fact {
        case .invoked(let op, let work):
            askings[op, default: 1] -= 1
            if askings[op] == 0 { note(line.t, .invoked(op, agent: line.agent, work.work)) }
        case .finished(let op, let told): try finished(op, told, line)
        case .following(let view, let branch, let topics, let mode, let start):
            let filter = TopicFilter(topics.map { Topic(unchecked: $0) })
            let token = try start.map(token)
            let mode = StreamMode(rawValue: mode) ?? .update
            (shown[name(view)], modes[name(view)]) = (token, mode)
            note(line.t, .following(name(view), BranchName(unchecked: branch), filter, mode, start: token))
        case .left(let view): note(line.t, .left(name(view)))
        case .watched(let view, let told, let isLive, let isAwake, let state):
            try watched(name(view), told.map(token), isLive && isAwake, state, line)
        case .read(let told): try read(told, line, view: told.view.map(name))
        case .rested(let view, let told, let isLive, let digest, let ofStore):
            note(
                line.t,
                .rested(
                    name(view), try told.map(token), isLive: isLive, digest: try digest.map(self.digest),
                    ofStore: try ofStore.map(self.digest)))
        case .fault(let kind, let text): note(line.t, .remark("\(kind): \(text)"))
        case .replaced(let lineage): if let lineage = Lineage(lineage) { replaced.insert(lineage) }
        case .calm: note(line.t, .faultsEnded)
        case .restedAt(let told):
            let token = try token(told)
            seen(token, line.t)
            note(line.t, .restedAt(token.lineage, token.position))
        case .delivered(_, let told, _): seen(try token(told), line.t)
        case .listening, .changed, .failed, .recovered, .watching, .watchEnded, .watchRested: break
        }
    }

    // MARK: Transactions

    private mutating func finished(_ op: Int, _ told: ToldEnding, _ line: RecordedLine) throws {
        let ending: Ending
        switch told {
        case .committed(let text):
            let token = try token(text)
            seen(token, line.t)
            ending = .decided(.committed(token.position), token.lineage)
        case .held(let text):
            let token = try token(text)
            seen(token, line.t)
            ending = .decided(.held(token.position), token.lineage)
        case .conflict(let failed, let at):
            let position = try token("0000000000000000:" + at).position
            // The outcome does not name its history; those that hold the position agree on it.
            let holder = history.truths.values.filter { $0.holds(position) }.map(\.lineage).min { $0.id < $1.id }
            let failures = failed.map {
                FailedPrecondition(precondition: $0.precondition, key: Key(unchecked: "?"), revision: 0, current: nil)
            }
            ending = .decided(.conflict(failures, at: position), holder ?? Lineage(0))
        case .committedUnseen(let text):
            let token = try token(text)
            seen(token, line.t)
            ending = .committedUnseen(token.position, token.lineage)
        case .refused(let why): ending = .refused(why)
        case .unknown: ending = .unknown
        }
        note(line.t, .finished(op, agent: line.agent, ending))
    }

    /// Somebody outside knows of this state, so it was visible.
    private mutating func seen(_ token: Token, _ time: Int64) {
        guard !replaced.contains(token.lineage), token.revision > visible[token.lineage] ?? 0 else { return }
        visible[token.lineage] = token.revision
        note(time, .visible(token.lineage, token.position))
    }

    // MARK: Views

    private mutating func watched(
        _ view: ViewName, _ token: Token?, _ isLive: Bool, _ state: [ToldRecord]?, _ line: RecordedLine
    ) throws {
        // An invalidate view holds no whole state: of it counts where it is.
        if let token, token != shown[view], state != nil || modes[view] == .invalidate {
            if let old = shown[view], old.lineage != token.lineage {
                note(line.t, .moved(view, .reset(token.lineage), nil))
            }
            let records = (state ?? []).map { record($0, of: token.lineage) }
            note(line.t, .moved(view, .install(records, at: token.position), token.lineage))
            shown[view] = token
        }
        if let token { seen(token, line.t) }
        note(line.t, .watched(view, token, isLive: isLive))
    }

    private mutating func read(_ told: ToldRead, _ line: RecordedLine, view: ViewName?) throws {
        let token = try token(told.token)
        lastRead += 1
        let consistency: Read.Consistency
        switch told.how {
        case "cached": consistency = .cached
        case "atLeast": consistency = .atLeast(try self.token(told.atLeast ?? ""))
        case "within": consistency = .within(.nanoseconds(told.within ?? 0))
        case "linearizable": consistency = .linearizable
        case "direct", "listed": consistency = .direct
        default: throw Unreadable("nobody reads \"\(told.how)\"")
        }
        note(told.asked, .asked(read: lastRead, agent: line.agent))
        seen(token, line.t)
        var read = Read(
            id: lastRead, agent: line.agent, view: view, isJoined: told.isJoined,
            branch: BranchName(unchecked: told.branch), keys: told.keys.map { Key(unchecked: $0) },
            consistency: consistency, token: token, found: told.found.map { record($0, of: token.lineage) })
        // Lists can be of keys only.
        read.isAnnouncing = told.how == "listed"
        note(line.t, .read(read))
    }

    // MARK: Values

    private func token(_ text: String) throws -> Token {
        guard let token = Token(text) else { throw Unreadable("\"\(text)\" is no token") }
        return token
    }

    /// The truth's own record if the fingerprint says so, else one that equals none.
    private func record(_ told: ToldRecord, of lineage: Lineage) -> Record {
        let key = Key(unchecked: told.key)
        let version = history.truths[lineage]?.commit(told.revision)?.records.first { told.isOf($0) }
        if let version { return told.isAnnounced == true ? version.announced : version }
        return Record(
            key: key, revision: told.revision, ordinal: told.ordinal, kind: Kind("unlike-the-truth"),
            content: .announced(size: told.size))
    }

    private func digest(_ text: String) throws -> StateDigest {
        let parts = text.split(separator: ":")
        var (bytes, rest) = (Data(), parts.last ?? "")
        while let byte = UInt8(rest.prefix(2), radix: 16) {
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        guard parts.count == 2, let count = Int64(parts[0]), rest.isEmpty else {
            throw Unreadable("\"\(text)\" is no digest")
        }
        return StateDigest(count: count, bytes: bytes)
    }
}
