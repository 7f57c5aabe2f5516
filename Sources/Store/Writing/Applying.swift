import MembusModel

// Another writer's batch, as it was decided there:
//
//   1. It must follow exactly this state: lineage, revision, full hash.
//   2. Each entry is carried out in its turn, by the same code that wrote it there; each must fit.
//   3. The hash that is reached must be the one that it names.
//   4. The sessions' rows, then COMMIT.
//
// Afterwards this store holds the same rows, but for what each does at its own pace: sweeping, and looking for what
// expires. What does not fit is refused, and nothing is changed: a batch for the second time, out of order, of another
// lineage, or with a commit missing.
//
// A batch without commits leaves the revision as it is, so that alone does not tell whether it was taken before: its
// entries do, none of which fits a second time. One such batch that is skipped shows only when something builds on it
// (a number of a session that was never opened): whoever carries batches must count them.

extension Writer {
    /// - Returns: its commits, for publishing; it has no results.
    @discardableResult
    package func apply(_ decided: DecidedBatch) throws(StoreError) -> WrittenBatch {
        try transaction("applying a batch") { db in
            try check(decided)
            sessions.keep(decided.mostKept)
            var batch = Batch(db: db, writer: self, now: decided.time, collecting: nil)
            for entry in decided.entries { try batch.take(entry) }
            guard batch.time == decided.time else {
                throw StoreError.unfitting("it is from before the store's last commit")
            }
            guard state.hash == decided.reachedHash else {
                throw StoreError.unfitting("it leads to another hash at revision \(state.head.revision)")
            }
            try sessions.save(by: &statements.sessionRow, now: batch.time)
            return batch.commits
        } then: { commits, sync in
            sessions.trim()
            return WrittenBatch(results: [], commits: commits, head: state.head, sync: sync)
        }
    }

    private func check(_ decided: DecidedBatch) throws(StoreError) {
        guard decided.lineage == lineage else {
            throw .unfitting("it is of lineage \(decided.lineage), and this store of \(lineage)")
        }
        guard decided.follows == state.head.revision else {
            throw .unfitting("it follows revision \(decided.follows), and the head is \(state.head.revision)")
        }
        guard decided.followedHash == state.hash else {
            throw .unfitting("it follows another history's revision \(decided.follows)")
        }
    }
}

extension Batch {
    fileprivate mutating func take(_ entry: DecidedBatch.Entry) throws {
        switch entry {
        case .commit(let commit): try take(commit)
        case .number(let number):
            guard try writer.sessions.take(db, number) else {
                throw StoreError.unfitting("number \(number.number) is not the next of session \(number.session)")
            }
        case .opened(let id, let agent):
            guard try writer.sessions.open(db, id, agent: agent, now: time) else {
                throw StoreError.unfitting("session \(id) is there already")
            }
        case .dropped(let ids):
            for id in ids where try !writer.sessions.drop(db, id) {
                throw StoreError.unfitting("session \(id) is not there")
            }
        case .noted(let notes):
            for read in notes.reads where writer.state.branches.byName[read.branch] == nil {
                throw StoreError.unfitting("a note is of a branch \"\(read.branch)\" that is not there")
            }
            try record(notes)
        case .notesForgotten(let time):
            guard try forgetNotes(before: time) else {
                throw StoreError.unfitting("the notes before \(time.milliseconds) are forgotten already")
            }
        case .floor(let revision):
            guard revision > writer.state.floor, revision <= writer.state.head.revision, try setFloor(revision) else {
                throw StoreError.unfitting("the floor can't rise from \(writer.state.floor) to \(revision)")
            }
        }
    }

    private mutating func take(_ decided: DecidedCommit) throws {
        let (info, records) = (decided.commit.info, decided.commit.records)
        let isWhole = records.enumerated().allSatisfy { ordinal, record in
            record.revision == info.revision && Int(record.ordinal) == ordinal && record.value != nil
        }
        guard info.revision == writer.state.head.revision + 1, info.time == time, isWhole else {
            throw StoreError.unfitting("commit \(info.revision) does not follow \(writer.state.head.revision)")
        }
        let position =
            if let fork = decided.fork {
                try take(fork, of: decided)
            } else if let branch = unknownSource(of: decided.provenance) {
                throw StoreError.unfitting("it merges a branch \"\(branch)\" that is not there")
            } else if case .fork? = decided.provenance.deed {
                throw StoreError.unfitting("commit \(info.revision) makes no branch")
            } else {
                try append(
                    info, on: try branch(info.branch), fork: nil, preconditions: decided.preconditions,
                    reads: decided.reads, records: records, derived: decided.derived, provenance: decided.provenance)
            }
        guard position == info.position else {
            throw StoreError.unfitting("commit \(info.revision) has another hash")
        }
    }

    private func unknownSource(of provenance: Provenance) -> BranchName? {
        guard case .merge(let merge) = provenance.deed else { return nil }
        return writer.state.branches.byName[merge.source] == nil ? merge.source : nil
    }

    /// A commit without changes.
    private mutating func take(_ fork: DecidedFork, of decided: DecidedCommit) throws -> Position {
        let state = writer.state
        let isBare =
            decided.preconditions.isEmpty && decided.reads.isEmpty && decided.commit.records.isEmpty
            && decided.provenance.origins.isEmpty
        let parent = try branch(fork.fork.parent)
        guard let at = fork.fork.at, try isKept(at, on: parent), state.branches.byName[fork.fork.name] == nil,
            fork.id == state.branches.largestID + 1, fork.fork.name == decided.commit.info.branch, isBare,
            let inherited = decided.provenance.inherited
        else { throw StoreError.unfitting("branch \"\(fork.fork.name)\" can't be made") }
        return try make(fork, from: parent, at: at, inherited, decided.commit.info)
    }

    private func isKept(_ revision: Revision, on branch: Branch) throws -> Bool {
        do { try check(revision, on: branch) } catch is Refusal { return false }
        return true
    }

    private func branch(_ name: BranchName) throws -> Branch {
        guard let branch = writer.state.branches.byName[name] else {
            throw StoreError.unfitting("there is no branch \"\(name)\"")
        }
        return branch
    }
}

extension Provenance {
    /// Of a fork; `nil`: it is none's.
    fileprivate var inherited: InheritedExpiry? {
        switch deed {
        case nil: .asOnParent
        case .fork(let inherited): inherited
        case .merge, .rollback, .revert, .quarantine, .pick, .branch, .tag: nil
        }
    }
}

extension StoreError {
    static func unfitting(_ why: String) -> StoreError {
        StoreError(
            .unfitting, "the decided batch does not fit the store: \(why)",
            hint: "apply batches once, in order, to a copy of the store that decided them")
    }
}
