import Foundation
import MembusModel

/// What is known of one transaction.
struct Write {
    var agent: Int
    var work: Work
    /// What had been told to anybody before it was asked for; and what its own agent had read.
    var before: [Run: Revision]
    var outcome: [Run: Outcome] = [:]
    /// What its agent was told at the end, if it must never be found then, and which run of each lineage was on: what
    /// an earlier one held may be lost with the file, so that a later broker refuses what that one had committed.
    var refusal: (why: String, runs: [Lineage: Int])?
    /// A refusal, conflict or other ending after which it must never be found in this history.
    var refusals: [Run: String] = [:]

    func refusal(in run: Run) -> String? {
        if let refusal, run.number >= refusal.runs[run.lineage] ?? 0 { return refusal.why }
        return refusals[run]
    }
}

extension Check {
    // MARK: Invariant 1: the truth itself

    mutating func checkTruths() {
        for run in allRuns {
            guard let truth = truth(of: run) else { continue }
            var places: [String: Revision] = [:]
            var numbers: [String: Revision] = [:]
            var life = BranchLives()
            for commit in truth.commits {
                let work = Check.op(of: commit).flatMap { works[$0] }
                if let why = life.take(commit, work) { violated(.replayedOutcomes, why) }
                let info = commit.info
                if info.message.hasPrefix("op "), let other = places.updateValue(info.revision, forKey: info.message) {
                    violated(.takesEffectOnce, "\(info.message) took effect twice: \(other) and \(info.revision)")
                }
                if let session = info.session {
                    let name = "number \(info.number) of session \(session)"
                    if let other = numbers.updateValue(info.revision, forKey: name) {
                        violated(.takesEffectOnce, "\(name) took effect twice: \(other) and \(info.revision)")
                    }
                }
                if info.agent == CommitInfo.broker { checkExpiry(commit, in: truth) }
            }
        }
    }

    /// All that the store ever held, in a fixed order.
    private var allRuns: [Run] {
        history.truths.keys.sorted { $0.id < $1.id }.flatMap { lineage in
            (0...(history.earlier[lineage]?.count ?? 0)).map { Run(lineage: lineage, number: $0) }
        }
    }

    /// The broker's own commits remove what has expired by the state before them, and nothing else.
    private mutating func checkExpiry(_ commit: Commit, in truth: Truth) {
        for record in commit.records {
            let before = truth.record(record.key, on: commit.info.branch, at: commit.info.revision - 1)
            guard let before, let expires = before.expires, expires <= commit.info.time, record.isDeleted,
                !isFrozen(before, on: commit.info.branch, truth)
            else {
                violated(
                    .trueFills,
                    "\(commit.info.revision) of the broker at \(commit.info.time) writes \(record) on \(commit.info.branch), where there was "
                        + (before?.description ?? "nothing"))
                continue
            }
        }
    }

    /// The broker looks for what has expired every 50 ms in the world.
    static let sweeping = Duration.milliseconds(200)

    mutating func checkNothingOverdue(_ time: Timestamp) {
        guard let run = serving.last?.run, let truth = truth(of: run) else { return }
        let due = time.advanced(by: .zero - Self.sweeping)
        // What came only now, or is inherited by a branch that did, has not been there for long enough to be swept.
        let then = shown(run, before: now - Self.sweeping)
        for branch in truth.branches.keys.sorted(by: { $0.text < $1.text })
        where truth.branches[branch]?.created ?? 0 <= then && !isAsleep(branch, since: then, truth) {
            for record in truth.state(of: branch, .everything, at: truth.head.revision) where record.revision <= then {
                guard let expires = record.expires, expires <= due, !isFrozen(record, on: branch, truth) else {
                    continue
                }
                violated(
                    .trueFills, "\(record) on \(branch) should have expired at \(expires), and is there at \(time)")
            }
        }
    }

    // MARK: The course of a transaction

    mutating func invoked(_ op: Int, _ agent: Int, _ work: Work) {
        var before = told
        for (run, known) in agents[agent] ?? [:] { before[run] = max(before[run] ?? 0, known.read) }
        writes[op] = Write(agent: agent, work: work, before: before)
    }

    mutating func told(_ op: Int, _ result: Result<Outcome, Refusal>, _ lineage: Lineage) {
        switch result {
        case .success(let outcome):
            decidedOnce(op, outcome.withoutRecords, lineage)
            if let position = outcome.commit {
                acknowledged(op, position, lineage)
            } else {
                undone(op, outcome, lineage)
            }
        case .failure(let failure):
            let says: [Refusal.Code] = [.numberForgotten, .numberReused]
            // A refusal of the request's form is about this sending only.
            if failure.code.remedy == .fixRequest, !says.contains(failure.code), failure.code != .malformed {
                refuse(op, "refused (\(failure.message))", in: current(lineage))
            }
        }
    }

    mutating func finished(_ op: Int, _ agent: Int, _ ending: Ending) {
        switch ending {
        case .decided(let outcome, let lineage):
            guard let position = outcome.commit else { return undone(op, outcome, lineage) }
            guard let run = acknowledged(op, position, lineage), let branch = writes[op]?.work.branchName else {
                return
            }
            var known = agents[agent, default: [:]][run, default: Known()]
            known.written[branch] = max(known.written[branch] ?? 0, position.revision)
            agents[agent, default: [:]][run] = known
        case .committedUnseen(let position, let lineage): acknowledged(op, position, lineage)
        case .refused(let why): refuse(op, why)
        case .unknown: break
        }
    }

    /// A retry gets the outcome that is kept.
    private mutating func decidedOnce(_ op: Int, _ outcome: Outcome, _ lineage: Lineage) {
        guard let run = run(holding: outcome.position, of: lineage) else { return }
        if let other = writes[op]?.outcome.updateValue(outcome, forKey: run), other != outcome {
            violated(.takesEffectOnce, "op \(op) was told to be \(other), then \(outcome)")
        }
    }

    @discardableResult
    private mutating func acknowledged(_ op: Int, _ position: Position, _ lineage: Lineage) -> Run? {
        guard let run = committed(op, position, lineage) else { return nil }
        told[run] = max(told[run] ?? 0, position.revision)
        return run
    }

    private mutating func refuse(_ op: Int, _ why: String, in run: Run? = nil) {
        if let run {
            if writes[op]?.refusals[run] == nil { writes[op]?.refusals[run] = why }
        } else if writes[op]?.refusal == nil {
            writes[op]?.refusal = (why, runs)
        }
    }

    // MARK: Invariants 1, 2, 3 and 14: what it became

    private mutating func committed(_ op: Int, _ position: Position, _ lineage: Lineage) -> Run? {
        guard let run = exists(position, lineage, "op \(op), acknowledged"), let write = writes[op],
            let commit = truth(of: run)?.commit(position.revision)
        else { return nil }
        if commit.info.message != "op \(op)" {
            violated(
                .takesEffectOnce, "op \(op) was acknowledged as \(position.revision), which is \(commit.info.message)")
        } else if let before = write.before[run], before >= position.revision {
            violated(
                .realTimeOrder,
                "op \(op) is revision \(position.revision), yet \(before) was known before it was asked for")
        }
        return run
    }

    /// It changed nothing: its preconditions must say so at the revision that the outcome names.
    private mutating func undone(_ op: Int, _ outcome: Outcome, _ lineage: Lineage) {
        guard let run = exists(outcome.position, lineage, "op \(op), decided"), let truth = truth(of: run) else {
            return
        }
        refuse(op, "decided without a commit", in: run)
        guard let write = writes[op], case .transaction(let transaction) = write.work else { return }
        switch outcome {
        case .committed, .forked, .merged, .unsettled: return
        case .held(let position):
            let failed = transaction.failing(in: truth, at: position.revision)
            if !failed.isEmpty {
                violated(.replayedOutcomes, "op \(op) held at \(position.revision), where \(failed) fail")
            }
        case .conflict(let failed, let position):
            let expected = transaction.failing(in: truth, at: position.revision)
            if failed.map(\.precondition) != expected {
                violated(
                    .replayedOutcomes,
                    "op \(op) failed on \(failed.map(\.precondition)) at \(position.revision), where \(expected) fail")
            }
        }
    }

    mutating func checkWritesAtEnd() {
        index = max(0, history.entries.count - 1)
        for run in allRuns {
            guard let truth = truth(of: run) else { continue }
            var merged = MergedStates()
            checkVectors(in: truth)
            for commit in truth.commits {
                guard let op = Int(commit.info.message.dropFirst(3)), let write = writes[op] else { continue }
                if let refusal = write.refusal(in: run) {
                    violated(.takesEffectOnce, "op \(op) is revision \(commit.info.revision), though it was \(refusal)")
                }
                switch write.work {
                case .transaction(let transaction): replay(transaction, commit, op, in: truth)
                case .fork, .branch, .tag: break
                case .merge(let merge):
                    replay(merge, commit, op, known: write.before[run] ?? 0, in: truth, &merged)
                case .rollback(let rollback): replay(rollback, commit, op, in: truth)
                case .revert(let revert): replay(revert, commit, op, in: truth)
                case .pick(let pick): replay(pick, commit, op, in: truth)
                case .quarantine(let quarantine): replay(quarantine, commit, op, in: truth)
                }
            }
        }
    }

    private mutating func replay(_ transaction: Transaction, _ commit: Commit, _ op: Int, in truth: Truth) {
        let before = commit.info.revision - 1
        if let time = decidedAt[commit.info.position] {
            for record in transaction.named(in: truth, at: before)
            where record.expires.map({ $0 <= time }) ?? false && !isFrozen(record, on: transaction.branch, truth) {
                violated(
                    .replayedOutcomes,
                    "op \(op), decided at \(time.milliseconds), names \(record), which was over before")
            }
        }
        let failed = transaction.failing(in: truth, at: before)
        if !failed.isEmpty {
            violated(.replayedOutcomes, "op \(op) is committed as \(before + 1), though at \(before) \(failed) fail")
        }
        let expected = transaction.values(in: truth, at: before)
        let patched = Set(transaction.changes.filter(\.isPatch).map(\.key))
        let actual = commit.records.map {
            let value = patched.contains($0.key) ? $0.value.flatMap(Merged.canonical) : $0.value
            return Written(key: $0.key, value: value, isDeleted: $0.isDeleted, vectors: truth.vectors(of: $0))
        }
        if expected != actual {
            violated(
                .replayedOutcomes, "op \(op) wrote \(commit.records), and its changes at \(before) give \(expected)")
        }
    }
}

struct Written: Equatable {
    var key: Key
    var value: Data?
    var isDeleted: Bool
    var vectors = Vectors.none
}

extension Work {
    var branchName: BranchName {
        switch self {
        case .transaction(let transaction): transaction.branch
        case .fork(let fork): fork.name
        case .merge(let merge): merge.target
        case .rollback(let rollback): rollback.branch
        case .revert(let revert): revert.branch
        case .pick(let pick): pick.branch
        case .quarantine(let quarantine): quarantine.branch
        case .branch(let change): change.name
        case .tag(let change):
            if case .create(let branch, _) = change.action { branch } else { .main }
        }
    }
}

extension Transaction {
    /// Those of its preconditions that fail in the state after a revision.
    func failing(in truth: Truth, at revision: Revision) -> [Precondition] {
        preconditions.filter { precondition in
            switch precondition {
            case .at(let key, let seen): (truth.record(key, on: branch, at: revision)?.revision ?? 0) != seen
            case .absent(let key): truth.record(key, on: branch, at: revision) != nil
            case .unchanged(let topic, let since):
                !truth.changed(topic, on: branch, since: since, at: revision).isEmpty
            // What was read is on nobody's record here: a model judges that.
            case .sound: false
            }
        }
    }

    /// The records that its preconditions and changes name, as they are after a revision.
    func named(in truth: Truth, at revision: Revision) -> [Record] {
        var keys = changes.map(\.key)
        var records: [Record] = []
        for precondition in preconditions {
            switch precondition {
            case .at(let key, _), .absent(let key): keys.append(key)
            case .unchanged(let topic, _): records += truth.state(of: branch, TopicFilter([topic]), at: revision)
            case .sound: break
            }
        }
        return records + keys.compactMap { truth.record($0, on: branch, at: revision) }
    }

    /// What its changes write, by the plain meaning of each.
    func values(in truth: Truth, at revision: Revision) -> [Written] {
        changes.compactMap { change in
            let old = truth.record(change.key, on: branch, at: revision)
            // What leaves the value as it was leaves its vectors.
            func wrote(_ value: Data) -> Written {
                let vectors = old.map { $0.value == value ? truth.vectors(of: $0) : .none } ?? .none
                return Written(key: change.key, value: value, isDeleted: false, vectors: vectors)
            }
            switch change.action {
            case .put(let put):
                return Written(key: change.key, value: put.value, isDeleted: false, vectors: put.vectors)
            case .delete: return old == nil ? nil : Written(key: change.key, value: Data(), isDeleted: true)
            case .increment(let amount): return wrote(Data("\((old?.count ?? 0) + amount)".utf8))
            case .append(let text): return wrote((old?.value ?? Data()) + text)
            case .mergePatch(let patch): return wrote(Merged.canonical(old?.value ?? Data("{}".utf8), patch) ?? Data())
            }
        }
    }
}

extension Change {
    fileprivate var isPatch: Bool { if case .mergePatch = action { true } else { false } }
}

/// RFC 7396 by Foundation's reader, in a form in which equal values are equal bytes.
private enum Merged {
    static func canonical(_ text: Data) -> Data? { parsed(text).flatMap(written) }

    static func canonical(_ text: Data, _ patch: Data) -> Data? {
        guard let patch = parsed(patch) else { return nil }
        return written(merge(parsed(text), patch))
    }

    private static func parsed(_ text: Data) -> Any? {
        try? JSONSerialization.jsonObject(with: text, options: .fragmentsAllowed)
    }
    private static func written(_ value: Any) -> Data? {
        try? JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .fragmentsAllowed])
    }

    private static func merge(_ target: Any?, _ patch: Any) -> Any {
        guard let patch = patch as? [String: Any] else { return patch }
        var members = target as? [String: Any] ?? [:]
        for (name, change) in patch { members[name] = change is NSNull ? nil : merge(members[name], change) }
        return members
    }
}

extension Outcome {
    /// A late retry is told of the same keys, and no longer of what had been written.
    fileprivate var withoutRecords: Outcome {
        guard case .unsettled(let conflicts, let unlisted, let position) = self else { return self }
        return .unsettled(
            conflicts.map { MergeConflict(key: $0.key, kind: $0.kind) }, unlisted: unlisted, at: position)
    }

    /// The state that it was decided in, or made.
    var position: Position {
        switch self {
        case .committed(let position), .forked(let position, _), .held(let position), .conflict(_, let position),
            .merged(let position, _), .unsettled(_, _, let position):
            position
        }
    }
}
