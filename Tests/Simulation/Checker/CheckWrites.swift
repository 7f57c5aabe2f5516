import Foundation
import MembusModel

/// What is known of one transaction.
struct Write {
    var agent: Int
    var work: Work
    /// What had been told to anybody before it was asked for; and what its own agent had read.
    var before: [Lineage: Revision]
    var toldCommitted: [Lineage: Position] = [:]
    /// A refusal, conflict or other ending after which it must never be found.
    var refusal: String?
}

extension Check {
    // MARK: Invariant 1: the truth itself

    mutating func checkTruths() {
        for truth in history.truths.values.sorted(by: { $0.lineage.id < $1.lineage.id }) {
            var places: [String: Revision] = [:]
            var numbers: [String: Revision] = [:]
            for commit in truth.commits {
                let info = commit.info
                if info.message.hasPrefix("op "), let other = places.updateValue(info.revision, forKey: info.message) {
                    violated(1, "\(info.message) took effect twice: \(other) and \(info.revision)")
                }
                if let session = info.session {
                    let name = "number \(info.number) of session \(session)"
                    if let other = numbers.updateValue(info.revision, forKey: name) {
                        violated(1, "\(name) took effect twice: \(other) and \(info.revision)")
                    }
                }
            }
        }
    }

    // MARK: The course of a transaction

    mutating func invoked(_ op: Int, _ agent: Int, _ work: Work) {
        var before = told
        for (lineage, known) in agents[agent] ?? [:] { before[lineage] = max(before[lineage] ?? 0, known.read) }
        writes[op] = Write(agent: agent, work: work, before: before)
    }

    mutating func told(_ op: Int, _ result: Result<Outcome, Failure>, _ lineage: Lineage) {
        switch result {
        case .success(.committed(let position)):
            if let other = writes[op]?.toldCommitted.updateValue(position, forKey: lineage), other != position {
                violated(1, "op \(op) was told to be \(other), then \(position)")
            }
            committed(op, position, lineage)
            told[lineage] = max(told[lineage] ?? 0, position.revision)
        case .success(let outcome): undone(op, outcome, lineage)
        case .failure(let failure):
            let says: [Failure.Code] = [.numberForgotten, .numberReused]
            // A refusal of the request's form is about this sending only.
            if failure.code.remedy == .fixRequest, !says.contains(failure.code), failure.code != .malformed {
                refuse(op, "refused (\(failure.message))")
            }
        }
    }

    mutating func finished(_ op: Int, _ agent: Int, _ ending: Ending) {
        switch ending {
        case .decided(.committed(let position), let lineage):
            acknowledged(op, position, lineage)
            guard let branch = writes[op]?.work.branchName else { return }
            var known = agents[agent, default: [:]][lineage, default: Known()]
            known.written[branch] = max(known.written[branch] ?? 0, position.revision)
            agents[agent, default: [:]][lineage] = known
        case .decided(let outcome, let lineage): undone(op, outcome, lineage)
        case .committedUnseen(let position, let lineage): acknowledged(op, position, lineage)
        case .refused(let why): refuse(op, why)
        case .unknown: break
        }
    }

    private mutating func acknowledged(_ op: Int, _ position: Position, _ lineage: Lineage) {
        committed(op, position, lineage)
        told[lineage] = max(told[lineage] ?? 0, position.revision)
    }

    private mutating func refuse(_ op: Int, _ why: String) {
        if writes[op]?.refusal == nil { writes[op]?.refusal = why }
    }

    // MARK: Invariants 1, 2, 3 and 14: what it became

    private mutating func committed(_ op: Int, _ position: Position, _ lineage: Lineage) {
        exists(position, lineage, "op \(op), acknowledged")
        guard let write = writes[op], let truth = history.truths[lineage], let commit = truth.commit(position.revision)
        else { return }
        if commit.info.message != "op \(op)" {
            return violated(1, "op \(op) was acknowledged as \(position.revision), which is \(commit.info.message)")
        }
        if let before = write.before[lineage], before >= position.revision {
            violated(2, "op \(op) is revision \(position.revision), yet \(before) was known before it was asked for")
        }
    }

    /// It changed nothing: its preconditions must say so at the revision that the outcome names.
    private mutating func undone(_ op: Int, _ outcome: Outcome, _ lineage: Lineage) {
        refuse(op, "decided without a commit")
        guard let write = writes[op], let truth = history.truths[lineage], case .transaction(let transaction) = write.work
        else { return }
        switch outcome {
        case .committed: return
        case .held(let position):
            exists(position, lineage, "op \(op), held")
            let failed = transaction.failing(in: truth, at: position.revision)
            if !failed.isEmpty { violated(14, "op \(op) held at \(position.revision), where \(failed) fail") }
        case .conflict(let failed, let position):
            exists(position, lineage, "op \(op), in conflict")
            let expected = transaction.failing(in: truth, at: position.revision)
            if failed.map(\.precondition) != expected {
                violated(14, "op \(op) failed on \(failed.map(\.precondition)) at \(position.revision), where \(expected) fail")
            }
        }
    }

    mutating func checkWritesAtEnd() {
        index = max(0, history.entries.count - 1)
        for truth in history.truths.values.sorted(by: { $0.lineage.id < $1.lineage.id }) {
            for commit in truth.commits {
                guard let op = Int(commit.info.message.dropFirst(3)), let write = writes[op] else { continue }
                if let refusal = write.refusal {
                    violated(1, "op \(op) is revision \(commit.info.revision), though it was \(refusal)")
                }
                guard case .transaction(let transaction) = write.work else { continue }
                replay(transaction, commit, op, in: truth)
            }
        }
    }

    private mutating func replay(_ transaction: Transaction, _ commit: Commit, _ op: Int, in truth: Truth) {
        let before = commit.info.revision - 1
        let failed = transaction.failing(in: truth, at: before)
        if !failed.isEmpty { violated(14, "op \(op) is committed as \(before + 1), though at \(before) \(failed) fail") }
        let expected = transaction.values(in: truth, at: before)
        let actual = commit.records.map { Written(key: $0.key, value: $0.value, isDeleted: $0.isDeleted) }
        if expected != actual { violated(14, "op \(op) wrote \(commit.records), and its changes at \(before) give \(expected)") }
    }
}

struct Written: Equatable {
    var key: Key
    var value: Data?
    var isDeleted: Bool
}

extension Work {
    var branchName: BranchName {
        switch self {
        case .transaction(let transaction): transaction.branch
        case .fork(let fork): fork.name
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
            }
        }
    }

    /// What its changes write, by the plain meaning of each.
    func values(in truth: Truth, at revision: Revision) -> [Written] {
        changes.compactMap { change in
            let old = truth.record(change.key, on: branch, at: revision)
            func wrote(_ value: Data) -> Written { Written(key: change.key, value: value, isDeleted: false) }
            switch change.action {
            case .put(let put): return wrote(put.value)
            case .delete: return old == nil ? nil : Written(key: change.key, value: Data(), isDeleted: true)
            case .increment(let amount): return wrote(Data("\((old?.count ?? 0) + amount)".utf8))
            case .append(let text): return wrote((old?.value ?? Data()) + text)
            case .mergePatch: return nil
            }
        }
    }
}
