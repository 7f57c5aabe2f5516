import FoundationEssentials
import MembusModel

extension Reader {
    /// What derives from something.
    package func impact(_ request: GetImpact, visible: Revision) throws(Refusal) -> Impact {
        try all(ImpactRead(request), visible: visible)
    }
}

/// What derives from some versions, found by one walk forward over all commits and notes since the oldest of them, in the order
/// in which they came:
///
///   a note     its reader knows what is bad of what it names
///   a commit   derives if it is one that was asked about, if what it is on record to have read or required is bad by now, or
///              if its agent knew such, in its context, or had read it in its session in none. What it wrote is bad then;
///              what is made of something bad is bad in any case
///
/// Nothing that a commit or a note could have read comes after it, so that nothing is looked at twice, and no index of readers
/// is needed. Merges, rollbacks and reverts write what others knew: they carry, and do not derive.
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

        init(_ agent: String, _ context: String, session: Int64?) {
            self.agent = ByBytes(agent)
            self.context = ByBytes(context)
            self.session = context.isEmpty ? session : nil
        }
    }
    private struct Mind {
        let who: Who
        /// What it knows first, by having written or read it.
        var knows: Known?
        /// The same, of what it has read alone.
        var hasRead: Known?
        var lastCommit: Revision = 0
        /// It has put reads on record with a commit.
        var hasRecorded = false
    }
    /// Whose a commit is, and who its session is where it names no context: what it read there counts for all that it does, as
    /// an agent's tool may name contexts for what it writes alone.
    private struct Writer: Hashable {
        let who: Int
        var unnamed: Int?
    }
    private struct Known {
        var version: VersionName
        var topic: Topic?
        var time: Timestamp
        /// Commits of this revision and later ones came after it.
        var before: Revision
    }

    private var upTo: Position?
    private var areSeedsBad = false
    private var lastNote: Int64 = 0
    private var next: Revision
    /// What was asked about, what derived commits wrote, and what is made of any of it.
    private(set) var bad: Set<VersionName> = []
    /// Without what is only made of it.
    private(set) var written: Set<VersionName> = []
    /// Their keys, each once.
    private var badKeys: [Key] = []
    private var isBadKey: Set<Key> = []
    /// How far what a commit or a note has read is compared with what is bad.
    private var probe = Probe()
    private struct Probe {
        var read = 0
        var key = 0
        var matched = 0
        var found: [(read: Int, name: VersionName)] = []
    }
    private var minds: [Mind] = []
    /// Their places.
    private var places: [Who: Int] = [:]
    private var unnamedPlaces: [Int64: Int] = [:]
    /// Commits that say nothing of what they were built on, and whose they are.
    private var silent: [(revision: Revision, writer: Writer)] = []
    private var silentCount: [Writer: Int] = [:]
    private var impact = Impact(at: .origin)
    /// Commits up to this one only carry what is bad, and notes before it do not count; 0: all may derive.
    private var toldAt: Revision = 0

    package init(_ request: GetImpact) {
        self.request = request
        seeds = Set(request.versions)
        seedRevisions = Set(request.versions.map(\.revision))
        seedCommits = Set(request.revisions)
        excluded = Set(request.excluded)
        let since = request.author.map { $0.since + 1 }
        first = (request.versions.map(\.revision) + request.revisions + (since.map { [$0] } ?? [])).min() ?? 1
        next = first
    }

    /// What derives from versions after they were undone: see ``goOn(in:looking:)``.
    init(after revert: Revision, of undone: Set<VersionName>) {
        request = GetImpact(versions: [])
        seeds = undone
        seedRevisions = Set(undone.map(\.revision))
        (seedCommits, excluded) = ([], [])
        first = undone.lazy.map(\.revision).min() ?? 1
        next = first
        toldAt = revert
    }

    /// Goes on up to the state, and may be asked again in a later one.
    /// - Returns: false: there is more to look at.
    mutating func goOn(in snapshot: StoreSnapshot, looking most: Int) throws -> Bool {
        var left = most
        // Compaction may have dropped their commits.
        if !areSeedsBad { for name in seeds { spoil(name) } }
        areSeedsBad = true
        next = max(next, snapshot.floor + 1)
        return try walk(snapshot, snapshot.visible, &left)
    }

    /// Goes on up to the newest state, and may be asked again in a later one; for whoever wants only what was written.
    /// - Returns: false: there is more to look at.
    mutating func reach(_ snapshot: StoreSnapshot, looking most: Int) throws -> Bool {
        if upTo == nil { try check(in: snapshot) }
        upTo = try snapshot.position(snapshot.visible)
        var left = max(1, most)
        return try walk(snapshot, snapshot.visible, &left)
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
        guard try walk(snapshot, upTo.revision, &left) else { return nil }
        try finish(snapshot)
        return impact
    }

    private mutating func check(in snapshot: StoreSnapshot) throws {
        if request.belowFloor { return try beginAboveFloor(snapshot) }
        if let since = request.author?.since, since < snapshot.floor {
            throw Refusal(
                .belowFloor,
                "what was written after revision \(since) can no longer be told whole: the floor is \(snapshot.floor)",
                hint: "ask for what was written since the floor", subject: "\(since)")
        }
        for revision in request.revisions + request.versions.map(\.revision) {
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

    /// What is no longer kept was written by nobody who can be told, and is bad all the same.
    private mutating func beginAboveFloor(_ snapshot: StoreSnapshot) throws {
        for revision in request.revisions + request.versions.map(\.revision) where revision > snapshot.floor {
            _ = try snapshot.position(revision)
        }
        guard first <= snapshot.floor else { return }
        impact.since = snapshot.floor
        next = snapshot.floor + 1
        for name in request.versions where name.revision <= snapshot.floor { spoil(name) }
        for revision in request.revisions where revision <= snapshot.floor {
            for key in try keys(of: revision, in: snapshot) { spoil(VersionName(key, at: revision)) }
        }
    }

    // MARK: The walk

    private mutating func walk(_ snapshot: StoreSnapshot, _ upTo: Revision, _ left: inout Int) throws -> Bool {
        let commits = try snapshot.db.rows(
            """
            SELECT \(CommitRow.columns), preconditions, provenance, reads FROM commits
            WHERE revision >= ? AND revision <= ? ORDER BY revision
            """, [next, upTo])
        // Who read before the oldest of them was written has not read it.
        let notes = try snapshot.db.rows(
            "SELECT \(NoteRow.columns) FROM notes WHERE id > ? AND head >= ? AND head <= ? ORDER BY id",
            [lastNote, max(first, toldAt), upTo])
        var note = try notes.next()
        func isDue(before revision: Revision) throws -> Bool { try note.map { try $0[1] < revision } ?? false }
        while let row = try commits.next() {
            let revision: Revision = try row[0]
            while try isDue(before: revision) {
                if left <= 0 { return false }
                if let present = note, try !look(at: NoteRow(present), in: snapshot, &left) { return false }
                note = try notes.next()
            }
            if left <= 0 { return false }
            left -= 1
            guard try look(at: row, in: snapshot, &left) else { return false }
            next = revision + 1
        }
        while let present = note {
            if left <= 0 { return false }
            guard try look(at: NoteRow(present), in: snapshot, &left) else { return false }
            note = try notes.next()
        }
        return true
    }

    /// - Returns: false: there is more to look at.
    private mutating func look(at note: NoteRow, in snapshot: StoreSnapshot, _ left: inout Int) throws -> Bool {
        left -= 1 + note.reads.count / 4
        if !bad.isEmpty {
            let seen = note.reads.map { Seen($0.read, on: snapshot.branches.byName[$0.branch]) }
            guard let found = try badVersions(seen, before: note.head + 1, in: snapshot, &left) else { return false }
            let who = found.isEmpty ? nil : place(of: note.agent, note.context, session: note.session)
            for (place, name) in found {
                let read = note.reads[place]
                if let who {
                    learn(
                        who, Known(version: name, topic: read.read.topic, time: read.time, before: note.head + 1),
                        byReading: true)
                }
            }
        }
        impact.lostReads &+= note.dropped
        lastNote = note.id
        return true
    }

    /// - Returns: false: there is more to look at.
    private mutating func look(at row: StoredRow, in snapshot: StoreSnapshot, _ left: inout Int) throws -> Bool {
        let revision: Revision = try row[0]
        let (context, session): (String, Int64?) = (try row[6], try row[3])
        let who = place(of: try row[2], context, session: session)
        let writer = Writer(who: who, unnamed: context.isEmpty ? nil : session.flatMap { unnamedPlaces[$0] })
        let time = Timestamp(milliseconds: try row[5])
        let isByBroker = (try row[3] as Int64?) == nil
        let preconditions = try CommitRow.preconditions(try row[9])
        let provenance = try CommitRow.provenance(try row[10])
        let reads = try CommitRow.reads(try row[11])
        let isTold = revision <= toldAt
        var edges: [DerivedCommit.Edge] = []
        if try seedCommits.contains(revision) || !isByBroker && isAuthors(row) {
            edges.append(.init(.seed, VersionName(Key(unchecked: "*"), at: revision)))
        }
        if !reads.isEmpty { minds[who].hasRecorded = true }
        if !bad.isEmpty, !reads.isEmpty || !preconditions.isEmpty, let branch = snapshot.branches.byID[try row[1]] {
            left -= (reads.count + preconditions.count) / 4
            let required = preconditions.compactMap { Self.required($0, before: revision) }
            let seen =
                reads.map { read in Seen(read, on: read.branch.flatMap { snapshot.branches.byName[$0] } ?? branch) }
                + required.map { Seen($0, on: branch) }
            guard let found = try badVersions(seen, before: revision, in: snapshot, &left) else { return false }
            var own: [DerivedCommit.Edge] = []
            for (place, name) in found {
                let read = seen[place].read
                let isRequired = place >= reads.count
                // A key and a list may tell of the same version.
                if isRequired || read.isOwn, own.count < DerivedCommit.mostEdges,
                    !own.contains(where: { $0.version == name && ($0.reason == .required) == isRequired })
                {
                    own.append(.init(isRequired ? .required : .read, name, in: read.topic))
                }
                // Reads stand for themselves, whatever comes of the commit.
                if !isTold, !isRequired {
                    learn(
                        who, Known(version: name, topic: read.topic, time: time, before: revision), byReading: true)
                }
            }
            if provenance.deed == nil, !isByBroker, !excluded.contains(revision), !isTold { edges += own }
        }
        if provenance.deed == nil, !isByBroker, !excluded.contains(revision), !isTold, edges.isEmpty, !request.ownOnly,
            let knows = minds[who].knows ?? writer.unnamed.flatMap({ minds[$0].hasRead })
        {
            edges.append(.init(.context, knows.version, in: knows.topic))
        }
        if !isByBroker {
            minds[who].lastCommit = revision
            if let unnamed = writer.unnamed { minds[unnamed].lastCommit = revision }
        }
        if edges.isEmpty {
            if !seeds.isEmpty || !provenance.origins.isEmpty {
                try carry(revision, provenance, who, time, in: snapshot, &left)
            }
            if !isByBroker, provenance.deed == nil, !bad.isEmpty, reads.isEmpty, preconditions.isEmpty,
                provenance.origins.isEmpty, !seedRevisions.contains(revision), toldAt == 0,
                try !keys(of: revision, in: snapshot).isEmpty
            {
                silentCount[writer, default: 0] += 1
                if silent.count < Impact.mostUnjudged * 4 { silent.append((revision, writer)) }
            }
            return true
        }
        let written = try keys(of: revision, in: snapshot)
        left -= written.count / 4
        for key in written {
            let name = VersionName(key, at: revision)
            spoil(name)
            self.written.insert(name)
        }
        if let key = written.first {
            learn(who, Known(version: VersionName(key, at: revision), time: time, before: revision))
        }
        // A seed is named by what it wrote.
        edges = edges.map { edge in
            edge.reason == .seed ? .init(.seed, VersionName(written.first ?? edge.version.key, at: revision)) : edge
        }
        list(try CommitRow.info(row, snapshot.branches), edges, written)
        return true
    }

    private func isAuthors(_ row: StoredRow) throws -> Bool {
        guard let author = request.author, try row[0] as Revision > author.since else { return false }
        return try author.agent.map { try $0.hasSameBytes(as: row[2]) } ?? true
            && author.context.map { try $0.hasSameBytes(as: row[6]) } ?? true
    }

    /// What is bad by itself, or made of something bad, in a commit that does not derive.
    private mutating func carry(
        _ revision: Revision, _ provenance: Provenance, _ who: Int, _ time: Timestamp, in snapshot: StoreSnapshot,
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
        learn(who, Known(version: first, time: time, before: revision))
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
        if isBadKey.insert(name.key).inserted { badKeys.append(name.key) }
    }

    // MARK: Who knows what

    private mutating func place(of agent: String, _ context: String, session: Int64?) -> Int {
        if context.isEmpty, let session, let place = unnamedPlaces[session] { return place }
        let who = Who(agent, context, session: session)
        if let place = places[who] { return place }
        let place = minds.count
        minds.append(Mind(who: who))
        if context.isEmpty, let session { unnamedPlaces[session] = place } else { places[who] = place }
        return place
    }

    private mutating func learn(_ who: Int, _ what: Known, byReading: Bool = false) {
        if minds[who].knows == nil { minds[who].knows = what }
        if byReading, minds[who].hasRead == nil { minds[who].hasRead = what }
    }

    /// What was read, or required, of which branch.
    private struct Seen {
        let read: ReadVersion
        /// `nil`: of one that is not there any more.
        let branch: Branch?

        init(_ read: ReadVersion, on branch: Branch?) { (self.read, self.branch) = (read, branch) }
    }

    /// What of all that is bad; of each list the first.
    /// - Returns: `nil`: there is more to look at. Asked again with the same, it goes on.
    private mutating func badVersions(
        _ seen: [Seen], before revision: Revision, in snapshot: StoreSnapshot, _ left: inout Int
    ) throws -> [(read: Int, name: VersionName)]? {
        while probe.read < seen.count {
            let (read, place) = (seen[probe.read].read, probe.read)
            guard let branch = seen[probe.read].branch else {
                probe.read += 1
                continue
            }
            let cut = read.cut > 0 ? read.cut : revision - 1
            switch read.subject {
            case .key(let key):
                let name: VersionName?
                if read.version > 0 {
                    let named = VersionName(key, at: read.version)
                    name = bad.contains(named) ? named : nil
                } else {
                    // Its deletion is a version, too.
                    name = try shown(key, on: branch, at: cut, in: snapshot, &left)
                }
                if let name { probe.found.append((place, name)) }
            case .topic(let topic):
                while probe.key < badKeys.count {
                    let key = badKeys[probe.key]
                    probe.key += 1
                    probe.matched += 1
                    if probe.matched % 32 == 0 { left -= 1 }
                    if topic.matches(key), let name = try shown(key, on: branch, at: cut, in: snapshot, &left) {
                        probe.found.append((place, name))
                        break
                    }
                    if left <= 0, probe.key < badKeys.count { return nil }
                }
                probe.key = 0
            }
            probe.read += 1
            if left <= 0, probe.read < seen.count { return nil }
        }
        defer { probe = Probe() }
        return probe.found
    }

    /// What a precondition tells that its commit has seen.
    private static func required(_ precondition: Precondition, before revision: Revision) -> ReadVersion? {
        switch precondition {
        case .at(let key, let version): version > 0 ? ReadVersion(key: key, version: version) : nil
        case .absent(let key): ReadVersion(.key(key), cut: revision - 1)
        case .unchanged(let topic, let since): ReadVersion(.topic(topic), cut: since)
        // Who required it had read nothing that was undone by then.
        case .sound: nil
        }
    }

    /// What a state has under a key, if that is bad.
    private func shown(
        _ key: Key, on branch: Branch, at revision: Revision, in snapshot: StoreSnapshot, _ left: inout Int
    ) throws -> VersionName? {
        guard isBadKey.contains(key) else { return nil }
        left -= 1
        guard
            let place = try NewestVersion.place(
                snapshot.db, key.text, snapshot.branches.levels(of: branch, at: revision))
        else { return nil }
        let name = VersionName(key, at: place.revision)
        return bad.contains(name) ? name : nil
    }

    // MARK: The end

    private mutating func finish(_ snapshot: StoreSnapshot) throws {
        impact.readers = minds.compactMap { mind in
            guard let known = mind.knows, mind.lastCommit < known.before else { return nil }
            return ImpactReader(
                agent: mind.who.agent.text, context: mind.who.context.text, version: known.version, in: known.topic,
                time: known.time)
        }.sorted {
            ($0.time, ByBytes($0.agent), ByBytes($0.context)) < ($1.time, ByBytes($1.agent), ByBytes($1.context))
        }
        impact.readers = Array(impact.readers.prefix(Impact.mostReaders))
        var judged: [Writer: Bool] = [:]
        for writer in silentCount.keys {
            let whose = [writer.who, writer.unnamed].compactMap(\.self).map { minds[$0] }
            judged[writer] = try whose.contains { try $0.hasRecorded || hasNoted($0.who, snapshot) }
        }
        impact.unjudgedCount = silentCount.lazy.filter { judged[$0.key] == false }.reduce(0) { $0 + $1.value }
        impact.unjudged = silent.lazy.filter { judged[$0.writer] == false }.prefix(Impact.mostUnjudged).map(\.revision)
    }

    private func hasNoted(_ who: Who, _ snapshot: StoreSnapshot) throws -> Bool {
        try snapshot.db.integer(
            "SELECT 1 FROM notes WHERE agent = ? AND context = ? AND (context <> '' OR session IS ?) LIMIT 1",
            [who.agent.text, who.context.text, who.session]) == 1
    }
}

extension ReadVersion {
    fileprivate var topic: Topic? { if case .topic(let topic) = subject { topic } else { nil } }
}
