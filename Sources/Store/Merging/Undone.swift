import MembusModel

/// What reverts have left out. A revert that was itself reverted does not count.
struct Undone {
    let db: Database

    private struct Reverted {
        var revision: Revision
        var branch: Int64
        var version: Revision
        var versionBranch: Int64
        /// `nil`: it was no increment.
        var amount: Int64?
    }

    /// Newest reverts first.
    private func reverted(_ key: Key) throws -> [Reverted] {
        let cursor = try db.rows(
            """
            SELECT revision, branch, version, version_branch, amount FROM reverted
            WHERE key = ? ORDER BY revision DESC, version
            """, [key.text])
        var reverted: [Reverted] = []
        while let row = try cursor.next() {
            reverted.append(
                Reverted(
                    revision: try row[0], branch: try row[1], version: try row[2], versionBranch: try row[3],
                    amount: try row[4]))
        }
        return reverted
    }

    /// The increments of a key that both sides have taken off since what they have in common, which has them: in the sum of
    /// the sides it is once too often. One that the common past never had was taken off on one side only, whatever the other
    /// has on record; and a part of that past which has it on record, but never had it, has not taken it off.
    func onBothSides(
        _ key: Key, _ a: [ShownState], _ b: [ShownState], since heads: [ShownState]
    ) throws -> [(version: Revision, amount: Int64)] {
        let all = try reverted(key)
        if all.isEmpty { return [] }
        func left(_ states: [ShownState]) -> Set<Revision> {
            states.reduce(into: []) { $0.formUnion(Self.leftOut(all, in: $1.contained)) }
        }
        let branches = Dictionary(all.map { ($0.version, $0.versionBranch) }, uniquingKeysWith: { first, _ in first })
        let before: Set<Revision> = heads.reduce(into: []) { before, head in
            before.formUnion(
                Self.leftOut(all, in: head.contained).filter { $0 <= head.contained[branches[$0] ?? 0] })
        }
        let both = left(a).intersection(left(b)).subtracting(before)
        var found: [Revision: Int64] = [:]
        for one in all where both.contains(one.version) {
            guard let amount = one.amount,
                heads.contains(where: { one.version <= $0.contained[one.versionBranch] })
            else { continue }
            found[one.version] = amount
        }
        return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// By which revert a version is left out of a state; `nil`: by none.
    func revert(of version: VersionName, in contained: Contained) throws -> Revision? {
        let all = try reverted(version.key)
        guard Self.leftOut(all, in: contained).contains(version.revision) else { return nil }
        return all.first { $0.version == version.revision && $0.revision <= contained[$0.branch] }?.revision
    }

    func twice(_ key: Key, _ a: [ShownState], _ b: [ShownState], since heads: [ShownState]) throws -> Int64 {
        try onBothSides(key, a, b, since: heads).reduce(0) { $0 &+ $1.amount }
    }

    /// The versions that the reverts in a state leave out.
    private static func leftOut(_ all: [Reverted], in contained: Contained) -> Set<Revision> {
        var out: Set<Revision> = []
        for one in all where one.revision <= contained[one.branch] {
            // A later revert left this one out.
            if !out.contains(one.revision) { out.insert(one.version) }
        }
        return out
    }

    // MARK: Keeping it

    static func remember(
        _ versions: [VersionName], cascades: Bool, of revision: Revision, on branch: Int64, in db: Database
    ) throws {
        for (version, names) in Dictionary(grouping: versions, by: \.revision).sorted(by: { $0.key < $1.key }) {
            guard let versionBranch = try db.integer("SELECT branch FROM commits WHERE revision = ?", [version]) else {
                continue
            }
            let amounts = try increments(of: version, in: db)
            for name in names.sorted() {
                try db.run(
                    """
                    INSERT INTO reverted(key, revision, version, branch, version_branch, amount, cascades)
                    VALUES(?, ?, ?, ?, ?, ?, ?)
                    """, [name.key.text, revision, version, branch, versionBranch, amounts[name.key], cascades ? 1 : 0])
            }
        }
    }

    private static func increments(of revision: Revision, in db: Database) throws -> [Key: Int64] {
        let provenance =
            try db.first("SELECT provenance FROM commits WHERE revision = ?", [revision]) {
                try CommitRow.provenance(try $0[0])
            } ?? .none
        var amounts: [UInt32: Int64] = [:]
        for origin in provenance.origins where origin.making == .incremented { amounts[origin.ordinal] = origin.amount }
        if amounts.isEmpty { return [:] }
        var found: [Key: Int64] = [:]
        let cursor = try db.rows(
            "SELECT position, key FROM changes WHERE position >= ? AND position <= ?",
            [LogCursor(revision: revision, ordinal: 0).position, LogCursor.end(of: revision).position])
        while let row = try cursor.next() {
            let ordinal = LogCursor(position: try row[0]).ordinal
            if let amount = amounts[ordinal] { found[Key(unchecked: try row[1])] = amount }
        }
        return found
    }
}
