import MembusModel

/// The conflicts that merges into a branch have left for later, and nobody has settled yet.
struct ParkedConflicts {
    struct Open {
        let conflict: ParkedConflict
        /// Of the record that says so, and the branch that it was written on.
        let revision: Revision
        let branch: Int64
        /// Of the record that says who settles it.
        var claim: Revision?
    }
    private var open: [Key: Open] = [:]

    /// So many may ever have been there.
    private static let mostKeys = 100_000

    init(_ reader: VersionReader, in levels: [Level]) throws {
        var claims: [Key: Revision] = [:]
        for version in try reader.versions(of: ParkedConflict.topic, in: levels, most: Self.mostKeys) {
            guard let record = version.present else { continue }
            guard let conflict = ParkedConflict(record) else {
                claims[record.key] = record.revision
                continue
            }
            open[conflict.key] = Open(conflict: conflict, revision: record.revision, branch: version.branch)
        }
        for (key, one) in open { open[key]?.claim = claims[one.conflict.claim] }
    }

    /// That which merges of a source have left.
    subscript(key: Key, source: BranchName) -> Open? {
        open.values.first { $0.conflict.conflict == key && $0.conflict.source == source }
    }

    /// The oldest that another state does not contain: what a fork has inherited is not its own to settle.
    func first(notIn contained: Contained) -> ParkedConflict? {
        open.values.filter { $0.revision > contained[$0.branch] }.map(\.conflict)
            .min { ($0.merge, $0.number) < ($1.merge, $1.number) }
    }
}

extension VersionReader {
    /// All records of a topic.
    /// - Throws: ``Refusal``: more than `most` keys were ever there.
    func records(of topic: Topic, in levels: [Level], most: Int) throws -> [Record] {
        try versions(of: topic, in: levels, most: most).compactMap(\.present)
    }

    func versions(of topic: Topic, in levels: [Level], most: Int) throws -> [KeyVersion] {
        let range = KeyRange(topic)
        var keys: Set<Key> = []
        for level in levels {
            let cursor = try db.rows(
                "SELECT DISTINCT key FROM changes WHERE branch = ? AND key >= ? AND key < ? LIMIT ?",
                [level.branch, range.from, range.below, most + 1])
            while let row = try cursor.next() { keys.insert(Key(unchecked: try row[0])) }
        }
        guard keys.count <= most else {
            throw Refusal(
                .limitExceeded, "there are more than \(most) keys under \(topic)",
                hint: "delete some, and compact", subject: topic.text)
        }
        return try keys.sorted().compactMap { try version($0, in: levels) }
    }
}
