import Foundation
import MembusModel

// Commits that bring branches together, set one back, or leave commits out, held against what was there before them. How keys
// that both sides changed are merged is not judged here (a model does that): only what follows whatever the contents are.

/// Which states a history has merged, as far as it was walked through.
struct MergedStates {
    private var merges: [BranchName: [(revision: Revision, source: BranchName, upTo: Revision)]] = [:]

    mutating func add(_ source: BranchName, upTo: Revision, to branch: BranchName, at revision: Revision) {
        merges[branch, default: []].append((revision, source, upTo))
    }

    /// Of each branch, up to which revision its commits are contained in a state.
    func contained(in branch: BranchName, at revision: Revision, _ truth: Truth) -> [BranchName: Revision] {
        var contained: [BranchName: Revision] = [:]
        if let info = truth.branches[branch], let parent = info.parent {
            contained = self.contained(in: parent, at: min(revision, info.forkRevision), truth)
        }
        for merge in merges[branch] ?? [] where merge.revision <= revision {
            contained.merge(self.contained(in: merge.source, at: merge.upTo, truth), uniquingKeysWith: max)
        }
        contained[branch] = revision
        return contained
    }
}

extension Check {
    /// - Parameter known: what had been told to anybody when it was asked for.
    mutating func replay(
        _ merge: Merge, _ commit: Commit, _ op: Int, known: Revision, in truth: Truth, _ merged: inout MergedStates
    ) {
        let (target, before) = (merge.target, commit.info.revision - 1)
        // Where no state is named it is one between the asking and the commit.
        let source =
            mergedUpTo[commit.info.position] ?? truth.commits.last {
                $0.info.branch == merge.source && $0.info.revision <= min(merge.at ?? before, before)
            }?.info.revision ?? 0
        let leftOut = truth.commits.first {
            $0.info.branch == merge.source && $0.info.revision > source && $0.info.revision <= merge.at ?? known
                && !$0.records.isEmpty
        }
        if source > min(merge.at ?? before, before) || leftOut != nil {
            violated(
                .replayedOutcomes,
                "op \(op) merged \(merge.source)@\(source), without \(leftOut?.info.revision ?? 0), which was there")
        }
        let mine = merged.contained(in: target, at: before, truth)
        let theirs = merged.contained(in: merge.source, at: source, truth)
        merged.add(merge.source, upTo: source, to: target, at: commit.info.revision)
        let written = Dictionary(commit.records.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let brought = truth.commits.filter {
            $0.info.revision <= theirs[$0.info.branch] ?? 0 && $0.info.revision > mine[$0.info.branch] ?? 0
        }
        let candidates = Set(brought.flatMap { $0.records.map(\.key) })
        func contains(_ contained: [BranchName: Revision], _ record: Record) -> Bool {
            truth.commit(record.revision).map { record.revision <= contained[$0.info.branch] ?? 0 } ?? false
        }
        for key in written.keys where !candidates.contains(key) && !key.isPolicy {
            violated(.replayedOutcomes, "op \(op) merged \(key), which \(merge.source)@\(source) had not changed")
        }
        // Nothing was written where it was left for later.
        let parked = Set(commit.records.compactMap { ParkedConflict($0)?.conflict })
        for key in candidates.sorted() where !key.isPolicy && !parked.contains(key) {
            let (ours, other) = (
                truth.newest(key, on: target, at: before), truth.newest(key, on: merge.source, at: source)
            )
            if other.map({ contains(mine, $0) }) ?? true {
                if let record = written[key], ours.map({ contains(theirs, $0) }) != true, !record.says(ours) {
                    violated(.replayedOutcomes, "op \(op) wrote \(record), though only \(target) had changed \(key)")
                }
                continue
            }
            // Only the source has changed it, and nothing of it ends with time.
            guard ours.map({ contains(theirs, $0) }) ?? true, ours?.expires == nil, let other, other.expires == nil
            else { continue }
            if !(written[key] ?? ours).map({ $0.says(other) }, or: other.isDeleted) {
                violated(
                    .replayedOutcomes,
                    "op \(op) left \(String(describing: written[key] ?? ours)) for \(key), where only "
                        + "\(merge.source)@\(source) had changed it, to \(other)")
            }
        }
    }

    mutating func replay(_ rollback: Rollback, _ commit: Commit, _ op: Int, in truth: Truth) {
        let branch = rollback.branch
        var keys = Set(truth.state(of: branch, rollback.filter, at: rollback.to).map(\.key))
        keys.formUnion(truth.state(of: branch, rollback.filter, at: commit.info.revision - 1).map(\.key))
        keys.formUnion(commit.records.map(\.key))
        for key in keys.sorted() where !key.isPolicy {
            guard rollback.filter.matches(key) else {
                violated(.replayedOutcomes, "op \(op) set \(key) back, which it does not name")
                continue
            }
            let then = truth.record(key, on: branch, at: rollback.to)
            let now = truth.record(key, on: branch, at: commit.info.revision)
            if then?.expires == nil, now?.expires == nil, !now.map({ $0.says(then) }, or: then == nil) {
                violated(
                    .replayedOutcomes,
                    "op \(op) left \(String(describing: now)) for \(key), which was \(String(describing: then)) "
                        + "at \(rollback.to)")
            }
        }
    }

    mutating func replay(_ revert: Revert, _ commit: Commit, _ op: Int, in truth: Truth) {
        for revision in revert.revisions {
            for record in truth.commit(revision)?.records ?? [] where !record.key.isPolicy {
                let key = record.key
                let now = truth.newest(key, on: revert.branch, at: commit.info.revision)
                if now?.revision == revision {
                    violated(.replayedOutcomes, "op \(op) left \(record), which it was to leave out")
                }
                // What was before it may derive from it, too.
                if revert.cascade != nil { continue }
                // It was the newest, and what was before it stands for itself.
                guard truth.newest(key, on: revert.branch, at: commit.info.revision - 1)?.revision == revision,
                    let own = truth.commit(revision)?.info.branch
                else { continue }
                let before = truth.newest(key, on: own, at: revision - 1)
                if let before, revert.revisions.contains(before.revision) || !isWhole(before, in: truth) { continue }
                if before?.expires == nil, !now.map({ $0.says(before) }, or: before?.isDeleted ?? true) {
                    violated(
                        .replayedOutcomes,
                        "op \(op) left \(String(describing: now)) for \(key), which was "
                            + "\(String(describing: before)) before \(revision)")
                }
            }
        }
    }

    /// Where a branch had what was there before a commit, it has by then what the commit left.
    mutating func replay(_ pick: Pick, _ commit: Commit, _ op: Int, in truth: Truth) {
        guard pick.revisions.count == 1, let revision = pick.revisions.first, let picked = truth.commit(revision) else {
            return
        }
        for record in picked.records where !record.key.isPolicy {
            let base = truth.newest(record.key, on: picked.info.branch, at: revision - 1)
            let ours = truth.newest(record.key, on: pick.branch, at: commit.info.revision - 1)
            let now = truth.newest(record.key, on: pick.branch, at: commit.info.revision)
            guard base?.expires == nil, ours?.expires == nil, record.expires == nil,
                ours.map({ $0.says(base) }, or: base?.isDeleted ?? true)
            else { continue }
            if !now.map({ $0.says(record) }, or: record.isDeleted) {
                violated(
                    .replayedOutcomes,
                    "op \(op) left \(String(describing: now)) for \(record.key), which \(revision) had made \(record)")
            }
        }
    }

    /// Each says what it said, with the mark; and what was named is marked where it was shown.
    mutating func replay(_ quarantine: Quarantine, _ commit: Commit, _ op: Int, in truth: Truth) {
        let mark = Quarantine.attribute
        for record in commit.records {
            let before = truth.newest(record.key, on: quarantine.branch, at: commit.info.revision - 1)
            if record.attributes[mark] == nil || !record.says(before) {
                violated(.replayedOutcomes, "op \(op) left \(record) of \(String(describing: before))")
            }
        }
        for revision in quarantine.revisions {
            for named in truth.commit(revision)?.records ?? [] where !named.isDeleted {
                let now = truth.record(named.key, on: quarantine.branch, at: commit.info.revision)
                if let now, now.revision == revision, now.expires == nil, now.attributes[mark] == nil {
                    violated(.replayedOutcomes, "op \(op) left \(now) without a mark")
                }
            }
        }
    }

    /// Whether it was put or deleted by a transaction, and so says all by itself.
    private func isWhole(_ record: Record, in truth: Truth) -> Bool {
        guard let commit = truth.commit(record.revision), let op = Int(commit.info.message.dropFirst(3)),
            case .transaction(let transaction)? = writes[op]?.work,
            let change = transaction.changes.first(where: { $0.key == record.key })
        else { return false }
        return switch change.action {
        case .put, .delete: true
        case .increment, .append, .mergePatch: false
        }
    }
}

extension Record {
    /// Who said it, and when, does not count.
    fileprivate func says(_ other: Record?) -> Bool {
        guard let other else { return isDeleted }
        return isDeleted == other.isDeleted
            && (isDeleted || value == other.value && kind == other.kind && expires == other.expires)
    }
}

extension Key {
    /// Such records stay with their branch.
    fileprivate var isPolicy: Bool { text.utf8.starts(with: ".membus/".utf8) }
}

extension Optional {
    fileprivate func map(_ test: (Wrapped) -> Bool, or absent: Bool) -> Bool { map(test) ?? absent }
}
