import FoundationEssentials
import MembusModel

extension Reader {
    /// What derives from something.
    package func impact(_ request: GetImpact, visible: Revision) throws(Refusal) -> Impact {
        try all(ImpactRead(request), visible: visible)
    }
}

/// What derives from some versions, found by one walk forward over all commits since the oldest of them:
///
///   1. notes   who has read which of the versions since: of all that is on record
///   2. walk    commit by commit. It derives if it is one that was asked about, if what it is on record to have read or
///              required is bad by now, or if its agent knew such, in its context. What it wrote is bad then; what is made of
///              something bad is bad in any case
///
/// Nothing that a commit could have read comes after it, so that no commit is looked at twice, and no index of readers is
/// needed. Merges, rollbacks and reverts write what others knew: they carry, and do not derive.
///
/// Reads that came in notes are placed among the commits by their time, which is the reader's clock's, and never later than
/// when the broker took the note.
package struct ImpactRead: StepwiseRead {
    package static let doing = "looking for what derives from it"
    private let request: GetImpact
    private let seeds: Set<VersionName>
    private let seedRevisions: Set<Revision>
    private let seedCommits: Set<Revision>
    private let excluded: Set<Revision>
    private let first: Revision

    private struct Who: Hashable {
        let agent: ByBytes
        let context: ByBytes
        /// Where no context is named: what one session does has nothing to do with what another does.
        let session: Int64?

        init(_ agent: String, _ context: String, session: Int64? = nil) {
            self.agent = ByBytes(agent)
            self.context = ByBytes(context)
            self.session = context.isEmpty ? session : nil
        }

        /// By notes, which name no session.
        var noted: Who { Who(agent.text, context.text) }
    }
    private struct Note {
        let who: Who
        let time: Timestamp
    }
    private struct Known {
        var version: VersionName
        var time: Timestamp
    }
    private struct NotePlace {
        var agent = "", context = "", key = ""
        var branch = Int64.min
        var version = Int64.min
    }

    private var upTo: Position?
    private var notesRead = false
    private var lastNote = NotePlace()
    private var notes: [VersionName: [Note]] = [:]
    /// Who has put any read on record: in notes, or with a commit.
    private var recorders: Set<Who> = []
    private var next: Revision
    /// What was asked about, what derived commits wrote, and what is made of any of it.
    private(set) var bad: Set<VersionName> = []
    /// Without what is only made of it.
    private(set) var written: Set<VersionName> = []
    private var badKeys: Set<Key> = []
    /// By notes, what each has read first of what is bad by now.
    private var badReads: [Who: Known] = [:]
    /// What each knows by having written it, or read it with a commit.
    private var known: [Who: Known] = [:]
    private var lastCommit: [Who: Timestamp] = [:]
    private var impact = Impact(at: .origin)
    /// Notes of what was read before then do not count.
    private var notesSince = Timestamp.never
    /// Commits up to this one only carry what is bad; 0: all may derive.
    private var toldAt: Revision = 0

    package init(_ request: GetImpact) {
        self.request = request
        seeds = Set(request.versions)
        seedRevisions = Set(request.versions.map(\.revision))
        seedCommits = Set(request.revisions)
        excluded = Set(request.excluded)
        first = (request.versions.map(\.revision) + request.revisions).min() ?? 1
        next = first
    }

    /// What derives from versions after they were undone: see ``goOn(in:looking:)``.
    init(after revert: Revision, at time: Timestamp, of undone: Set<VersionName>) {
        request = GetImpact(versions: [])
        seeds = undone
        seedRevisions = Set(undone.map(\.revision))
        (seedCommits, excluded) = ([], [])
        first = undone.lazy.map(\.revision).min() ?? 1
        next = first
        notesSince = time
        toldAt = revert
    }

    /// Goes on up to the state, and may be asked again in a later one.
    /// - Returns: false: there is more to look at.
    mutating func goOn(in snapshot: StoreSnapshot, looking most: Int) throws -> Bool {
        var left = most
        if !notesRead {
            notesRead = try readNotes(snapshot, &left)
            guard notesRead else { return false }
            // Compaction may have dropped their commits.
            for name in seeds { spoil(name) }
        }
        next = max(next, snapshot.floor + 1)
        return try walk(snapshot, snapshot.visible, &left)
    }

    /// Somebody has read a version since the notes in the file were read.
    mutating func note(_ name: VersionName, by agent: String, in context: String, at time: Timestamp) {
        let who = Who(agent, context)
        recorders.insert(who)
        guard notesRead, name.revision >= first else { return }
        if !bad.contains(name) {
            notes[name, default: []].append(Note(who: who, time: time))
        } else if time < badReads[who]?.time ?? .distant {
            badReads[who] = Known(version: name, time: time)
        }
    }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> Impact? {
        let upTo: Position
        if let begun = self.upTo {
            upTo = begun
        } else {
            try check(in: snapshot)
            upTo = try snapshot.position(snapshot.visible)
            self.upTo = upTo
        }
        impact.at = upTo
        var left = max(1, most)
        if !notesRead { notesRead = try readNotes(snapshot, &left) }
        guard notesRead, try walk(snapshot, upTo.revision, &left) else { return nil }
        finish()
        return impact
    }

    private func check(in snapshot: StoreSnapshot) throws {
        for revision in [first] + request.revisions + request.versions.map(\.revision) {
            guard revision > snapshot.floor || (snapshot.floor == 0 && revision > 0) else {
                throw Refusal(
                    .belowFloor,
                    "what came of revision \(revision) can no longer be told: the floor is \(snapshot.floor)",
                    subject: "\(revision)")
            }
            _ = try snapshot.position(revision)
        }
        for name in request.versions {
            let there = try snapshot.db.integer(
                "SELECT 1 FROM changes WHERE position >= ? AND position <= ? AND key = ?",
                [
                    LogCursor(revision: name.revision, ordinal: 0).position, LogCursor.end(of: name.revision).position,
                    name.key.text,
                ])
            guard there == 1 else {
                throw Refusal(
                    .invalidArgument, "revision \(name.revision) did not write key \"\(name.key)\"",
                    hint: "see the key's history", subject: name.key.text)
            }
        }
    }

    // MARK: Notes

    /// - Returns: whether it is through.
    private mutating func readNotes(_ snapshot: StoreSnapshot, _ left: inout Int) throws -> Bool {
        let cursor = try snapshot.db.rows(
            """
            SELECT agent, context, branch, key, version, first_read FROM accesses
            WHERE (agent, context, branch, key, version) > (?, ?, ?, ?, ?)
            ORDER BY agent, context, branch, key, version
            """, [lastNote.agent, lastNote.context, lastNote.branch, lastNote.key, lastNote.version])
        while let row = try cursor.next() {
            if left <= 0 { return false }
            left -= 1
            lastNote = NotePlace(
                agent: try row[0], context: try row[1], key: try row[3], branch: try row[2], version: try row[4])
            let who = Who(lastNote.agent, lastNote.context)
            recorders.insert(who)
            let time = Timestamp(milliseconds: try row[5])
            guard lastNote.version >= first, time >= notesSince else { continue }
            let name = VersionName(Key(unchecked: lastNote.key), at: lastNote.version)
            notes[name, default: []].append(Note(who: who, time: time))
        }
        return true
    }

    // MARK: The walk

    private mutating func walk(_ snapshot: StoreSnapshot, _ upTo: Revision, _ left: inout Int) throws -> Bool {
        let commits = try snapshot.db.rows(
            """
            SELECT \(CommitRow.columns), preconditions, provenance FROM commits
            WHERE revision >= ? AND revision <= ? ORDER BY revision
            """, [next, upTo])
        let reads = try snapshot.db.rows(
            "SELECT revision, key, version FROM reads WHERE revision >= ? AND revision <= ? ORDER BY revision, ordinal",
            [next, upTo])
        var read = try reads.next()
        while let row = try commits.next() {
            if left <= 0 { return false }
            left -= 1
            let revision: Revision = try row[0]
            var own: [VersionName] = []
            var hasReads = false
            while let present = read, try (present[0] as Revision) <= revision {
                hasReads = true
                let name = VersionName(Key(unchecked: try present[1]), at: try present[2])
                if bad.contains(name) { own.append(name) }
                read = try reads.next()
            }
            try look(at: row, read: own, hasReads: hasReads, in: snapshot, &left)
            next = revision + 1
        }
        return true
    }

    private mutating func look(
        at row: StoredRow, read: [VersionName], hasReads: Bool, in snapshot: StoreSnapshot, _ left: inout Int
    ) throws {
        let revision: Revision = try row[0]
        let who = Who(try row[2], try row[6], session: try row[3])
        let time = Timestamp(milliseconds: try row[5])
        let isByBroker = (try row[3] as Int64?) == nil
        let preconditions = try CommitRow.preconditions(try row[9])
        let provenance = try CommitRow.provenance(try row[10])
        var edges: [DerivedCommit.Edge] = []
        if seedCommits.contains(revision) { edges.append(.init(.seed, VersionName(Key(unchecked: "*"), at: revision))) }
        let isTold = revision <= toldAt
        if provenance.deed == nil, !isByBroker, !excluded.contains(revision), !isTold {
            edges += read.map { .init(.read, $0) }
            if !bad.isEmpty {
                edges += try required(preconditions, on: try row[1], before: revision, in: snapshot)
                    .map { .init(.required, $0) }
            }
            if edges.isEmpty, !request.ownOnly, let knows = knows(who, by: time) {
                edges.append(.init(.context, knows))
            }
        }
        if !isByBroker { lastCommit[who] = time }
        // Reads stand for themselves, whatever comes of the commit.
        if let name = read.first, !isTold { learn(who, name, time) }
        if edges.isEmpty {
            if !seeds.isEmpty || !provenance.origins.isEmpty {
                try carry(revision, provenance, who, time, in: snapshot, &left)
            }
            if !isByBroker, provenance.deed == nil, !bad.isEmpty, !hasReads, preconditions.isEmpty,
                !recorders.contains(who.noted), provenance.origins.isEmpty,
                !seedRevisions.contains(revision), try !keys(of: revision, in: snapshot).isEmpty
            {
                impact.unjudgedCount += 1
                if impact.unjudged.count < Impact.mostUnjudged { impact.unjudged.append(revision) }
            }
            return
        }
        let written = try keys(of: revision, in: snapshot)
        left -= written.count / 4
        for key in written {
            let name = VersionName(key, at: revision)
            spoil(name)
            self.written.insert(name)
        }
        if let key = written.first { learn(who, VersionName(key, at: revision), time) }
        // A seed is named by what it wrote.
        edges = edges.map { edge in
            edge.reason == .seed ? .init(.seed, VersionName(written.first ?? edge.version.key, at: revision)) : edge
        }
        list(try CommitRow.info(row, snapshot.branches), edges, written)
    }

    /// What is bad by itself, or made of something bad, in a commit that does not derive.
    private mutating func carry(
        _ revision: Revision, _ provenance: Provenance, _ who: Who, _ time: Timestamp, in snapshot: StoreSnapshot,
        _ left: inout Int
    ) throws {
        let isSeed = seedRevisions.contains(revision)
        let makesOfBad = provenance.origins.contains { $0.madeOf.contains { $0 >= first } }
        guard isSeed || makesOfBad else { return }
        let written = try keys(of: revision, in: snapshot)
        left -= written.count / 4
        var own: [VersionName] = []
        for (ordinal, key) in written.enumerated() {
            let name = VersionName(key, at: revision)
            let isMade =
                !excluded.contains(revision)
                && (provenance.origin(of: UInt32(ordinal))?.madeOf.contains { bad.contains(VersionName(key, at: $0)) }
                    ?? false)
            guard seeds.contains(name) || isMade else { continue }
            spoil(name)
            guard seeds.contains(name) else { continue }
            own.append(name)
            self.written.insert(name)
        }
        guard let first = own.first, toldAt == 0 else { return }
        // Who wrote what was asked about knows it.
        learn(who, first, time)
        if let info = try snapshot.db.first(
            "SELECT \(CommitRow.columns) FROM commits WHERE revision = ?", [revision],
            {
                try CommitRow.info($0, snapshot.branches)
            })
        {
            list(info, own.map { .init(.seed, $0) }, own.map(\.key))
        }
    }

    private mutating func list(_ info: CommitInfo, _ edges: [DerivedCommit.Edge], _ keys: [Key]) {
        // Who goes on only wants to know what is bad.
        if toldAt > 0 { return }
        guard impact.commits.count < Impact.mostCommits else {
            impact.unlisted += 1
            return
        }
        impact.commits.append(
            DerivedCommit(
                commit: info, edges: Array(edges.prefix(DerivedCommit.mostEdges)),
                keys: Array(keys.prefix(DerivedCommit.mostKeys)), keyCount: keys.count))
    }

    private func keys(of revision: Revision, in snapshot: StoreSnapshot) throws -> [Key] {
        var keys: [Key] = []
        let cursor = try snapshot.db.rows(
            "SELECT key FROM changes WHERE position >= ? AND position <= ? ORDER BY position",
            [LogCursor(revision: revision, ordinal: 0).position, LogCursor.end(of: revision).position])
        while let row = try cursor.next() { keys.append(Key(unchecked: try row[0])) }
        return keys
    }

    private mutating func spoil(_ name: VersionName) {
        guard bad.insert(name).inserted else { return }
        badKeys.insert(name.key)
        for note in notes.removeValue(forKey: name) ?? [] where note.time < badReads[note.who]?.time ?? .distant {
            badReads[note.who] = Known(version: name, time: note.time)
        }
    }

    // MARK: Who knows what

    private mutating func learn(_ who: Who, _ version: VersionName, _ time: Timestamp) {
        if known[who] == nil { known[who] = Known(version: version, time: time) }
    }

    /// What somebody knew by then; by his own commits, else by what he is on record to have read.
    private func knows(_ who: Who, by time: Timestamp) -> VersionName? {
        if let known = known[who] { return known.version }
        guard let read = badReads[who], read.time <= time else { return nil }
        return read.version
    }

    /// Of the bad versions, those that preconditions name, or that a topic showed as of the revision that is named with it.
    private func required(
        _ preconditions: [Precondition], on branch: Int64, before revision: Revision, in snapshot: StoreSnapshot
    ) throws -> [VersionName] {
        guard !preconditions.isEmpty, let branch = snapshot.branches.byID[branch] else { return [] }
        var found: [VersionName] = []
        for precondition in preconditions {
            switch precondition {
            case .at(let key, let version):
                if bad.contains(VersionName(key, at: version)) { found.append(VersionName(key, at: version)) }
            case .absent(let key):
                // Its deletion is a version, too.
                if let name = try shown(key, on: branch, at: revision - 1, in: snapshot) { found.append(name) }
            case .unchanged(let topic, let since):
                for key in badKeys where topic.matches(key) {
                    if let name = try shown(key, on: branch, at: since, in: snapshot) { found.append(name) }
                }
            // Who required it had read nothing that was undone by then.
            case .sound: break
            }
            if found.count >= DerivedCommit.mostEdges { break }
        }
        return found
    }

    /// What a state has under a key, if that is bad.
    private func shown(
        _ key: Key, on branch: Branch, at revision: Revision, in snapshot: StoreSnapshot
    ) throws -> VersionName? {
        guard badKeys.contains(key),
            let place = try NewestVersion.place(
                snapshot.db, key.text, snapshot.branches.levels(of: branch, at: revision))
        else { return nil }
        let name = VersionName(key, at: place.revision)
        return bad.contains(name) ? name : nil
    }

    // MARK: The end

    private mutating func finish() {
        var all = known
        for (who, read) in badReads where all[who].map({ read.time < $0.time }) ?? true { all[who] = read }
        let silent = all.filter { who, known in (lastCommit[who] ?? .never) < known.time }
        impact.readers = silent.map { who, known in
            ImpactReader(
                agent: who.agent.text, context: who.context.text, version: known.version, time: known.time)
        }.sorted {
            ($0.time, ByBytes($0.agent), ByBytes($0.context)) < ($1.time, ByBytes($1.agent), ByBytes($1.context))
        }
        impact.readers = Array(impact.readers.prefix(Impact.mostReaders))
    }
}

extension Timestamp {
    fileprivate static let distant = Timestamp(milliseconds: .max)
}
