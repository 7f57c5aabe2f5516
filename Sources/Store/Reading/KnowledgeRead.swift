import FoundationEssentials
import MembusModel

extension Reader {
    /// What an agent knew.
    package func knowledge(_ request: GetKnowledge, visible: Revision) throws(Refusal) -> Knowledge {
        try all(KnowledgeRead(request), visible: visible)
    }
}

/// What an agent has read, required and written up to a revision: its notes, then its commits, in the order of history. Each
/// version is told once, as it came to be known first. Of many only the newest are held meanwhile.
package struct KnowledgeRead: StepwiseRead {
    package static let doing = "looking for what an agent knows"
    private let request: GetKnowledge
    private var upTo: Position?
    private var lastNote: Int64 = 0
    private var next: Revision = 1
    private var areNotesRead = false
    private struct Name: Hashable {
        let subject: ReadVersion.Subject
        let branch: BranchName
        let version: Revision
        let cut: Revision
    }
    /// Hashes of what was told, in two halves, the older of which goes when the newer is full.
    private var names: Set<Int> = []
    private var earlierNames: Set<Int> = []
    private static let mostNames = 500_000
    private var knowledge = Knowledge(at: .origin, since: 0)

    package init(_ request: GetKnowledge) { self.request = request }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> Knowledge? {
        let upTo = try self.upTo ?? snapshot.position(request.at ?? snapshot.visible)
        self.upTo = upTo
        (knowledge.at, knowledge.since) = (upTo, snapshot.floor)
        var left = max(1, most)
        if !areNotesRead { areNotesRead = try readNotes(snapshot, upTo.revision, &left) }
        guard areNotesRead, try readCommits(snapshot, upTo.revision, &left) else { return nil }
        leaveOutOldest()
        return knowledge
    }

    private mutating func leaveOutOldest() {
        knowledge.known.sort { ($0.revision, $0.isNoted ? 1 : 0, $0.time) < ($1.revision, $1.isNoted ? 1 : 0, $1.time) }
        let excess = max(0, knowledge.known.count - Knowledge.most)
        knowledge.known.removeFirst(excess)
        knowledge.unlisted += excess
    }

    private func isAsked(_ context: String) -> Bool { request.context.map { $0.hasSameBytes(as: context) } ?? true }

    private mutating func readNotes(_ snapshot: StoreSnapshot, _ upTo: Revision, _ left: inout Int) throws -> Bool {
        let rows = try snapshot.db.rows(
            "SELECT \(NoteRow.columns) FROM notes WHERE agent = ? AND id > ? AND head <= ? ORDER BY id",
            [request.agent, lastNote, upTo])
        while let row = try rows.next() {
            if left <= 0 { return false }
            let note = try NoteRow(row)
            left -= 1 + note.reads.count / 4
            lastNote = note.id
            guard isAsked(note.context) else { continue }
            knowledge.lostReads &+= note.dropped
            for noted in note.reads {
                add(
                    noted.read, on: noted.branch, by: note.head, isNoted: true, at: noted.time, in: note.context)
            }
        }
        return true
    }

    private mutating func readCommits(_ snapshot: StoreSnapshot, _ upTo: Revision, _ left: inout Int) throws -> Bool {
        let rows = try snapshot.db.rows(
            """
            SELECT \(CommitRow.columns), preconditions, provenance, reads FROM commits
            WHERE revision >= ? AND revision <= ? ORDER BY revision
            """, [next, upTo])
        while let row = try rows.next() {
            if left <= 0 { return false }
            left -= 1
            next = try row[0] + 1
            guard try (row[2] as String).hasSameBytes(as: request.agent), try isAsked(row[6]) else { continue }
            try read(row, in: snapshot, &left)
        }
        return true
    }

    private mutating func read(_ row: StoredRow, in snapshot: StoreSnapshot, _ left: inout Int) throws {
        let info = try CommitRow.info(row, snapshot.branches)
        for read in try CommitRow.reads(try row[11]) {
            add(
                read, on: read.branch ?? info.branch, by: info.revision, isNoted: false, at: info.time,
                in: info.context)
        }
        for precondition in try CommitRow.preconditions(try row[9]) {
            switch precondition {
            case .at(let key, let version):
                add(.required, .key(key), on: info.branch, version: version, cut: 0, by: info)
            case .absent(let key):
                add(.required, .key(key), on: info.branch, version: 0, cut: info.revision - 1, by: info)
            case .unchanged(let topic, let since):
                add(.required, .topic(topic), on: info.branch, version: 0, cut: since, by: info)
            case .sound: break
            }
        }
        let changes = try snapshot.db.rows(
            "SELECT key FROM changes WHERE position >= ? AND position <= ? ORDER BY position",
            [LogCursor(revision: info.revision, ordinal: 0).position, LogCursor.end(of: info.revision).position])
        while let change = try changes.next() {
            left -= 1
            add(
                .wrote, .key(Key(unchecked: try change[0])), on: info.branch, version: info.revision, cut: 0, by: info)
        }
    }

    private mutating func add(
        _ read: ReadVersion, on branch: BranchName, by revision: Revision, isNoted: Bool, at time: Timestamp,
        in context: String
    ) {
        add(
            KnownVersion(
                read.key == nil ? .listed : .read, read.subject, on: branch, version: read.version, cut: read.cut,
                by: revision, isNoted: isNoted, time: time, context: context))
    }

    private mutating func add(
        _ way: KnownVersion.Way, _ subject: ReadVersion.Subject, on branch: BranchName, version: Revision,
        cut: Revision, by info: CommitInfo
    ) {
        add(
            KnownVersion(
                way, subject, on: branch, version: version, cut: cut, by: info.revision, time: info.time,
                context: info.context))
    }

    /// A version is one, wherever and whenever it was read.
    private mutating func add(_ known: KnownVersion) {
        let isNamed = known.version > 0
        let name = Name(
            subject: known.subject, branch: isNamed ? .main : known.branch, version: known.version,
            cut: isNamed ? 0 : known.cut)
        let hash = name.hashValue
        if names.contains(hash) || earlierNames.contains(hash) { return }
        if names.count == Self.mostNames { (earlierNames, names) = (names, []) }
        names.insert(hash)
        knowledge.known.append(known)
        if knowledge.known.count >= 2 * Knowledge.most { leaveOutOldest() }
    }
}
