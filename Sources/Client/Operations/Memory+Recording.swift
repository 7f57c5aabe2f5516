// Reads that the broker answers go on record where a context is named, as those of views do in any case: who asks in no
// context, as a person at the command line does, would pay a write for each look. A connection may have all of it recorded.

extension Memory {
    /// Records that were got as of a state.
    func note(_ records: [Record], at position: Position, on branch: BranchName) {
        note(
            records.map { record in
                ReadVersion(
                    .key(record.key), version: record.revision, on: branch,
                    cut: record.revision == 0 ? position.revision : 0, isOwn: false)
            })
    }

    /// The lists of topics as of a state.
    func note(_ topics: [Topic], at position: Position, on branch: BranchName) {
        note(topics.map { ReadVersion(.topic($0), on: branch, cut: position.revision, isOwn: false) })
    }

    /// Versions of which some text was shown.
    func note(_ versions: some Sequence<(key: Key, revision: Revision)>, on branch: BranchName) {
        note(versions.map { ReadVersion(.key($0.key), version: $0.revision, on: branch, isOwn: false) })
    }

    func note(_ change: Record, on branch: BranchName) {
        note([ReadVersion(.key(change.key), version: change.revision, on: branch, isOwn: false)])
    }

    private func note(_ reads: [ReadVersion]) {
        if reads.isEmpty || context.isEmpty && !connection.settings.recordsAll { return }
        let time = Timestamp.now
        connection.note(reads.map { NotedRead(context: context, $0, at: time) })
    }
}
