import FoundationEssentials
import MembusModel

/// A branch as of a revision, ready to be looked at.
struct ShownState: Sendable {
    let branch: Branch
    let revision: Revision
    let levels: [Level]
    let contained: Contained

    /// - Parameter upTo: a later revision that shows the same. Compaction drops commits that have left nothing, but what they
    ///   reverted or merged counts.
    init(_ branch: Branch, at revision: Revision, upTo: Revision? = nil, among branches: BranchTable) {
        self.branch = branch
        self.revision = revision
        levels = branches.levels(of: branch, at: revision)
        contained = Contained(branch, at: max(revision, upTo ?? 0), among: branches)
    }

    var head: BranchHead { BranchHead(branch.name, at: revision) }

    /// Up to which revision it shows the same, as far as that matters.
    var upTo: Revision { contained[branch.id] }
}

/// A version of a key, with its value.
struct KeyVersion: Sendable {
    /// Whose it is.
    let branch: Int64
    /// It may be a deletion.
    let record: Record
    /// The broker deleted it because its time had come.
    let isExpired: Bool
    /// Its time has come by now.
    let isOver: Bool

    var revision: Revision { record.revision }
    /// `nil`: it says that there is nothing. What was there once counts as it was, though its time has come by now.
    var content: Record? { record.isDeleted ? nil : record }
    /// The same of what is there now.
    var present: Record? { isOver ? nil : content }
    /// It is not there any more because its time had come.
    var isGone: Bool { isExpired || isOver }
}

/// How much may still be looked at for one merge or undoing, on the thread that commits.
final class ReadBudget {
    private var versions = 150_000
    private var bytes = 512 << 20

    /// - Throws: ``Refusal``: it is used up.
    func take(_ size: Int) throws {
        versions -= 1
        bytes -= size
        guard versions > 0, bytes > 0 else {
            throw Refusal(
                .limitExceeded,
                "it would look at too much: hundreds of thousands of versions, or half a gigabyte of values",
                hint: "do less at once: fewer commits, fewer topics, or an earlier revision of the source first",
                subject: "versions")
        }
    }
}

/// What was found out: commits' provenance, taken apart once; and what keeps heads.
final class RecentProvenances {
    struct Entry {
        let provenance: Provenance
        let origins: [UInt32: Origin]
    }
    private var entries: [Revision: Entry] = [:]
    private static let most = 256
    /// See ``VersionReader/isKept(_:in:floor:)``.
    var pins: [BranchHead: Revision?] = [:]

    func entry(_ revision: Revision, _ load: () throws -> Provenance) throws -> Entry {
        if let known = entries[revision] { return known }
        if entries.count == Self.most { entries.removeAll(keepingCapacity: true) }
        let provenance = try load()
        let entry = Entry(
            provenance: provenance,
            origins: Dictionary(provenance.origins.map { ($0.ordinal, $0) }, uniquingKeysWith: { first, _ in first }))
        entries[revision] = entry
        return entry
    }
}

/// Reads versions, and what is on record of how they came to be. Of one state of the file.
struct VersionReader {
    let db: Database
    let branches: BranchTable
    /// What ends by then has ended.
    let now: Timestamp
    /// Shared by all copies.
    private let budget = ReadBudget()
    let recent = RecentProvenances()
    private let ends: Ends?

    init(db: Database, branches: BranchTable, now: Timestamp, ends: Ends? = nil) {
        self.ends = ends
        self.db = db
        self.branches = branches
        self.now = now
    }

    /// What a state has under a key; `nil`: there never was anything.
    func version(_ key: Key, in levels: [Level]) throws -> KeyVersion? {
        for level in levels {
            if let record = try NewestVersion.record(db, key, [level]) { return try version(record, on: level) }
        }
        return nil
    }

    private func version(_ record: Record, on level: Level) throws -> KeyVersion {
        try budget.take(record.size)
        if let ends, !level.isFrozen, let end = record.expires, end > now { ends.note(end) }
        return KeyVersion(
            branch: level.branch, record: record, isExpired: try record.isDeleted && isByBroker(record.revision),
            isOver: !level.isFrozen && record.isOver(by: now))
    }

    /// The broker deletes what has expired, and nothing else.
    private func isByBroker(_ revision: Revision) throws -> Bool {
        try db.integer("SELECT session IS NULL FROM commits WHERE revision = ?", [revision]) == 1
    }

    /// A version by its name; `nil`: it is not kept, or never was.
    func version(_ name: VersionName) throws -> KeyVersion? {
        guard let branch = try branch(of: name.revision),
            let record = try NewestVersion.record(db, name.key, [Level(branch: branch, upTo: name.revision)]),
            record.revision == name.revision
        else { return nil }
        return try version(record, on: Level(branch: branch, upTo: name.revision))
    }

    /// The same, without its value.
    func place(of name: VersionName) throws -> VersionPlace? {
        try budget.take(0)
        guard let branch = try branch(of: name.revision),
            let found = try NewestVersion.found(
                db, name.key.text, CollectionOfOne(Level(branch: branch, upTo: name.revision))),
            found.place.revision == name.revision
        else { return nil }
        return found
    }

    func branch(of revision: Revision) throws -> Int64? {
        try db.integer("SELECT branch FROM commits WHERE revision = ?", [revision])
    }

    func provenance(of revision: Revision) throws -> Provenance { try recent(revision).provenance }

    /// `nil`: somebody put it, or deleted it.
    func origin(of record: Record) throws -> Origin? { try recent(record.revision).origins[record.ordinal] }

    /// Where it is that a state has under a key; `nil`: there never was anything.
    func place(_ key: Key, in levels: [Level]) throws -> VersionPlace? {
        try budget.take(0)
        return try NewestVersion.found(db, key.text, levels)
    }

    func origin(at place: LogCursor) throws -> Origin? { try recent(place.revision).origins[place.ordinal] }

    /// The last bytes of a value; `nil`: it has not so many.
    func end(of place: LogCursor, bytes: Int) throws -> Data? {
        if bytes == 0 { return Data() }
        let row = try db.first(
            """
            SELECT base, CASE WHEN base IS NULL THEN substr(value, -?1) ELSE value END, branch, key FROM changes
            WHERE position = ?2
            """, [bytes, place.position]
        ) { row -> (base: Int64?, value: Data, branch: Int64, key: String) in
            (try row[0], try row[1] as Data? ?? Data(), try row[2], try row[3])
        }
        guard let row else { return nil }
        if row.base == nil { return row.value.count == bytes ? row.value : nil }
        if let splice = try? Splice(decoding: row.value), splice.end == 0, splice.middle.count >= bytes {
            try budget.take(splice.middle.count)
            return Data(splice.middle.suffix(bytes))
        }
        let level = Level(branch: row.branch, upTo: place.revision)
        guard let value = try version(Key(unchecked: row.key), in: [level])?.content?.value, value.count >= bytes else {
            return nil
        }
        return Data(value.suffix(bytes))
    }

    /// A merge of ten thousand keys is asked for each of them.
    private func recent(_ revision: Revision) throws -> RecentProvenances.Entry {
        try recent.entry(revision) {
            try db.first("SELECT provenance FROM commits WHERE revision = ?", [revision]) {
                try CommitRow.provenance(try $0[0])
            } ?? .none
        }
    }

    func commit(_ revision: Revision) throws -> CommitInfo? {
        try db.first("SELECT \(CommitRow.columns) FROM commits WHERE revision = ?", [revision]) {
            try CommitRow.info($0, branches)
        }
    }

    /// The branch's newest commit up to a revision; the revision itself where none is known. Compaction drops commits without
    /// changes, merges among them, but not what they merged. Bare commits add nothing to a state.
    func newestCommit(of branch: Int64, upTo revision: Revision) throws -> Revision {
        let kept = try db.integer(
            """
            SELECT revision FROM commits WHERE branch = ? AND revision <= ?
            AND NOT EXISTS (SELECT 1 FROM bare WHERE bare.revision = commits.revision)
            ORDER BY revision DESC LIMIT 1
            """, [branch, revision])
        let made = branches.byID[branch].flatMap { $0.parent != nil && $0.created <= revision ? $0.created : nil }
        return [kept, made, branches.lastMerge(into: branch, upTo: revision)].compactMap(\.self).max() ?? revision
    }

    // MARK: What was changed

    /// Those without changes that compaction has passed are no longer there: they brought nothing. That a branch was made
    /// counts; what else is bare does not.
    func hasCommits(in span: BranchSpan) throws -> Bool {
        try db.integer(
            """
            SELECT 1 FROM commits WHERE branch = ? AND revision > ? AND revision <= ?
            AND (revision = ? OR NOT EXISTS (SELECT 1 FROM bare WHERE bare.revision = commits.revision)) LIMIT 1
            """,
            [span.branch, span.after, span.upTo, branches.byID[span.branch]?.created ?? 0]) == 1
    }

    /// Whether a key was changed by commits in these spans.
    func isChanged(_ key: Key, in spans: [BranchSpan]) throws -> Bool {
        try spans.contains { span in
            try db.integer(
                "SELECT 1 FROM changes WHERE branch = ? AND key = ? AND position > ? AND position <= ? LIMIT 1",
                [
                    span.branch, key.text, LogCursor.end(of: span.after).position,
                    LogCursor.end(of: span.upTo).position,
                ]) == 1
        }
    }

    /// The keys that were changed by commits in these spans, in the order of their bytes.
    /// - Parameter most: so many changes are looked at.
    /// - Returns: `nil`: there are more.
    func changedKeys(in spans: [BranchSpan], matching filter: TopicFilter? = nil, most: Int) throws -> [Key]? {
        var keys: Set<Key> = []
        var looked = 0
        for span in spans {
            let changes = try db.rows(
                """
                SELECT changes.key FROM commits JOIN changes
                ON changes.position >= commits.revision << 20 AND changes.position < (commits.revision + 1) << 20
                WHERE commits.branch = ? AND commits.revision > ? AND commits.revision <= ?
                """, [span.branch, span.after, span.upTo])
            while let row = try changes.next() {
                looked += 1
                if looked > most { return nil }
                let key = Key(unchecked: try row[0])
                if filter?.matches(key) ?? true { keys.insert(key) }
            }
        }
        return keys.sorted()
    }
}

extension Record {
    func isOver(by now: Timestamp) -> Bool { expires.map { $0 <= now } ?? false }
}
