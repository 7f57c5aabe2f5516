// A view's state, behind one mutex: the driver's thread moves it, anybody reads it. A reader holds the mutex
// for one look-up, or for as long as its closure runs: so all that it sees is of one revision.
//
// Invariant: `isGuarded` is true whenever a read has more to do than to look up: the view is closed or has
// failed, holds no state, or is stale and its policy is not to serve that.

/// What a view shows while it cannot move: see ``View/read(_:)``.
public struct Reading: ~Copyable, Sendable {
    let follow: Follow
    let whenStale: WhenStale
    /// Those that read it: the view's own first. Their numbers in the cache's notes count from 1.
    private var contexts: [String]
    /// Whose reads are made now.
    /// 0: nobody's, which go on no record.
    var reader: UInt32 = 1
    private let environment: ViewEnvironment
    private(set) var cache: ViewCache
    private var lineage: Lineage?
    /// How often its history was replaced: tells apart what may bear one name.
    private(set) var resets = 0
    private var staleSince: Instant?
    /// Where events do not come from, though the broker answers.
    private var eventless: String?
    private(set) var failure: MembusError?
    private var isClosed = false
    private var isGuarded = true

    /// Keys without a slot that were read as absent, since they changed last: in two halves, the older of which goes when the
    /// newer is full. Who reads it again then is noted again.
    private var absences: Set<Absence> = []
    private var olderAbsences: Set<Absence> = []
    private struct Absence: Hashable {
        let key: Key
        let reader: UInt32
    }
    private static let mostAbsences = 8192
    /// What was listed, at which states.
    private var listed: [(reader: UInt32, cut: Revision, time: Timestamp)] = []
    private static let mostListed = 1000
    private var droppedLists = 0

    init(
        follow: Follow, capacity: Int, whenStale: WhenStale, context: String, warm: WarmFile?,
        in environment: ViewEnvironment = ViewEnvironment()
    ) {
        self.environment = environment
        self.follow = follow
        self.whenStale = whenStale
        contexts = [context]
        cache = ViewCache(
            mode: follow.mode, filter: follow.filter, capacity: capacity, hashSeed: environment.hashSeed)
        staleSince = environment.now()
        if let warm {
            lineage = warm.token.lineage
            note(cache.load(warm.records, at: warm.token.position))
        }
        guardReads()
    }

    // MARK: Reading

    /// The record under a key; see ``View/subscript(_:)-(String)``.
    public subscript(key: String) -> Record? {
        mutating get throws(MembusError) { try record(key) }
    }
    public subscript(key: Key) -> Record? {
        mutating get throws(MembusError) { try record(key.text) }
    }
    /// The state that all reads of the closure are of.
    public var token: Token { Token(lineage: lineage ?? Lineage(0), position: cache.cut ?? .origin) }
    public var revision: Revision { token.revision }

    @inline(__always)
    mutating func record(_ text: String) throws(MembusError) -> Record? {
        if isGuarded { try checkReadable() }
        // Taken apart at once: a hit kept for later would cost the record a retain and a release more.
        switch cache.lookup(text, context: reader) {
        case .record(let record): return record
        case let other: return try without(other, text)
        }
    }

    @inline(__always)
    mutating func record(slot: Int, _ key: Key) throws(MembusError) -> Record? {
        if isGuarded { try checkReadable() }
        switch cache.read(slot: slot, context: reader) {
        case .record(let record): return record
        case let other: return try without(other, key.text)
        }
    }

    /// For whoever has the key's bytes alone.
    @inline(__always)
    mutating func record(bytes: UnsafeBufferPointer<UInt8>) throws(MembusError) -> Record? {
        if isGuarded { try checkReadable() }
        if case .record(let record)? = cache.lookup(bytes: bytes, context: reader) { return record }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalidName(InvalidName(.key, String(decoding: bytes, as: UTF8.self), "is not UTF-8"))
        }
        return try record(text)
    }

    private mutating func without(_ hit: ViewCache.Hit, _ text: String) throws(MembusError) -> Record? {
        switch hit {
        case .record(let record): return record
        case .absent:
            noteAbsence(of: text)
            return nil
        case .announced(let record): throw .notHere(record.key, .announced(size: record.size))
        case .miss: throw .notHere(Key(unchecked: text), .evicted)
        case .outside: throw .notFollowed(try keyed(text), follow.filter)
        }
    }

    private func checkReadable() throws(MembusError) {
        if isClosed { throw .closed }
        if let failure { throw failure }
        if cache.cut == nil || staleSince != nil && whenStale != .serve {
            throw .stale(follow.filter, for: age, whenStale, noEventsFrom: staleSince == nil ? nil : eventless)
        }
    }

    private var age: Duration { staleSince.map { environment.now() - $0 } ?? .zero }
    var isStale: Bool { staleSince != nil }
    var count: Int { cache.count }
    /// What the cap has cost so far.
    var capped: (stripped: Int, evicted: Int) { (cache.stripped, cache.evicted) }

    var state: ViewState {
        if isClosed { return .closed }
        if let failure {
            if case .refused(let refusal) = failure { return .failed(refusal) }
            return .failed(Refusal(.limitExceeded, failure.whatHappened, hint: failure.hint))
        }
        return isStale ? .stale(for: age) : .live
    }

    // MARK: The whole state

    mutating func snapshot() throws(MembusError) -> Snapshot {
        try checkReadable()
        noteList()
        return Snapshot(token: token, records: cache.records())
    }

    mutating func digest() throws(MembusError) -> (at: Position, digest: StateDigest) {
        try checkReadable()
        return (token.position, cache.digest())
    }

    mutating func warmFile() throws(MembusError) -> WarmFile {
        try checkReadable()
        guard follow.mode == .update else {
            throw .refused(
                Refusal(
                    .invalidArgument, "an invalidate view does not hold the whole state",
                    hint: "follow with mode: .update"))
        }
        return WarmFile(branch: follow.branch, filter: follow.filter, token: token, records: cache.records())
    }

    // MARK: Handles

    mutating func hold(_ key: Key) -> Int? { follow.filter.matches(key) ? cache.slot(for: key) : nil }
    mutating func release(_ slot: Int) { cache.release(slot: slot) }

    // MARK: Misses

    mutating func take(_ keys: [Key]) throws(MembusError) -> (found: [Record], missing: Misses) {
        try checkReadable()
        let taken = cache.take(keys, context: reader)
        let found = taken.hits.compactMap { hit in if case .record(let record) = hit { record } else { nil } }
        if found.count + taken.missing.count < keys.count {
            let others = Set(found.map(\.key) + taken.missing)
            for key in keys where !others.contains(key) { noteAbsence(of: key.text) }
        }
        let ticket = taken.missing.isEmpty ? nil : cache.beginFill(taken.missing)
        return (found, Misses(keys: taken.missing, token: token, ticket: ticket, resets: resets))
    }

    mutating func fill(_ records: [Record], _ misses: Misses) {
        for record in records {
            cache.noteFetched(
                record.key, version: record.revision, at: misses.token.revision, context: reader)
        }
        if let ticket = misses.ticket { cache.fill(ticket, with: records, at: misses.token.position) }
    }

    mutating func abandon(_ misses: Misses) { if let ticket = misses.ticket { cache.cancelFill(ticket) } }

    // MARK: Moving

    mutating func apply(_ output: ViewOutput, of lineage: Lineage?) {
        if let lineage { self.lineage = lineage }
        switch output {
        case .apply(let records, let to):
            note(cache.apply(records, to: to))
            forgetAbsences(of: records)
        case .install(let records, let at):
            note(cache.install(records, at: at))
            (absences, olderAbsences) = ([], [])
        case .catchUp(let records, let to):
            note(cache.catchUp(records, to: to))
            forgetAbsences(of: records)
        case .advance(let to): cache.advance(to: to)
        case .reset(let lineage):
            cache.reset()
            // What was read is of a history that is not there any more.
            _ = cache.drainNotes()
            (absences, olderAbsences, listed, droppedLists, heard) = ([], [], [], 0, (0, 0))
            resets += 1
            self.lineage = lineage
        case .live: staleSince = nil
        case .stale(let since): staleSince = since
        case .failed(let refusal): failure = failure ?? .refused(refusal)
        case .fresh, .register, .subscribe, .unsubscribe, .ping, .pull, .replaceSocket: return
        }
        guardReads()
    }

    mutating func hear(_ link: LinkState) {
        if case .eventless(let endpoint, _) = link { eventless = endpoint } else { eventless = nil }
    }

    /// An update view whose keys alone need more than it may use cannot be had.
    private mutating func note(_ room: ViewCache.Room) {
        if case .overCapacity(let needed) = room, follow.mode == .update {
            failure = failure ?? .overCapacity(follow.filter, needed: needed, capacity: cache.capacity)
        }
    }

    private mutating func guardReads() {
        isGuarded = isClosed || failure != nil || cache.cut == nil || isStale && whenStale != .serve
    }

    mutating func close() -> Bool {
        defer {
            isClosed = true
            guardReads()
        }
        return !isClosed
    }

    // MARK: Notes and news

    /// The number of a context in which it is read.
    mutating func number(of context: String) -> UInt32 {
        if let place = contexts.firstIndex(where: { $0.hasSameBytes(as: context) }) { return UInt32(place + 1) }
        contexts.append(context)
        return UInt32(contexts.count)
    }

    mutating func takeNotes() -> TakenReads {
        let (notes, dropped) = cache.drainNotes()
        if notes.isEmpty, listed.isEmpty { return TakenReads() }
        let time = Timestamp.now
        var reads = notes.map { note in
            NotedRead(
                context: contexts[Int(note.context) - 1], branch: follow.branch, key: note.key, version: note.version,
                cut: note.cut, time: time)
        }
        for list in listed {
            for topic in follow.filter.topics {
                let read = ReadVersion(.topic(topic), on: follow.branch, cut: list.cut, isOwn: false)
                reads.append(NotedRead(context: contexts[Int(list.reader) - 1], read, at: list.time))
            }
        }
        // The last of each is remembered: a list of the same state is the same read.
        heard = listed.last.map { ($0.reader, $0.cut) } ?? heard
        listed = []
        defer { droppedLists = 0 }
        return TakenReads(reads: reads, dropped: dropped + droppedLists)
    }

    /// Who listed it last, and at which state.
    private var heard: (reader: UInt32, cut: Revision) = (0, 0)

    private mutating func noteList() {
        let cut = cache.cut?.revision ?? 0
        let last = listed.last.map { ($0.reader, $0.cut) } ?? heard
        if last == (reader, cut) { return }
        if listed.count == Self.mostListed {
            droppedLists += follow.filter.topics.count
            return
        }
        listed.append((reader, cut, Timestamp.now))
    }

    private mutating func noteAbsence(of text: String) {
        guard reader != 0, follow.mode == .update else { return }
        let absence = Absence(key: Key(unchecked: text), reader: reader)
        if absences.contains(absence) || olderAbsences.contains(absence) { return }
        if absences.count == Self.mostAbsences { (olderAbsences, absences) = (absences, []) }
        if cache.noteAbsent(absence.key, context: reader) { absences.insert(absence) }
    }

    private mutating func forgetAbsences(of records: [Record]) {
        if absences.isEmpty, olderAbsences.isEmpty { return }
        for record in records {
            for reader in 1...UInt32(contexts.count) {
                let absence = Absence(key: record.key, reader: reader)
                absences.remove(absence)
                olderAbsences.remove(absence)
            }
        }
    }

    mutating func openFeed() -> Int { cache.openFeed(limit: ViewChanges.mostWaiting) }
    mutating func closeFeed(_ feed: Int) { cache.closeFeed(feed) }
    func hasNews(_ feed: Int) -> Bool { cache.hasChanges(in: feed) }

    mutating func news(_ feed: Int) -> [ViewChanges.Element] {
        guard let batch = cache.drain(feed) else { return [] }
        let changes = batch.changes.map { change -> ViewChanges.Element in
            // Whoever is told of a change has read it; a deletion is a version, too.
            if !batch.isPartial { cache.noteFetched(change.key, version: change.revision, context: reader) }
            return change.isDeleted
                ? .deleted(change.key, change.revision) : .changed(change.key, change.revision, held(change.key))
        }
        return batch.isPartial ? [.everything] : changes
    }

    private mutating func held(_ key: Key) -> Record? {
        switch cache.lookup(key.text) {
        case .record(let record), .announced(let record): record
        case .absent, .miss, .outside: nil
        }
    }
}

/// What was read of a view since it was taken last.
struct TakenReads: Sendable {
    var reads: [NotedRead] = []
    /// So many more that there was no room for.
    var dropped = 0

    var isEmpty: Bool { reads.isEmpty && dropped == 0 }

    static func + (first: TakenReads, second: TakenReads) -> TakenReads {
        TakenReads(reads: first.reads + second.reads, dropped: first.dropped + second.dropped)
    }
}

/// Keys that a read has to fetch, as of which state.
struct Misses: Sendable {
    let keys: [Key]
    let token: Token
    let ticket: FillTicket?
    /// The view's, as of the taking.
    var resets = 0
}
