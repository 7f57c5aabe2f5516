import MembusSystem

/// First reads that are no transaction's own, on their way to the broker: at most one request at a time, the oldest are dropped
/// and counted when too many wait.
///
///     read ──▶ waiting ──▶ under way ──▶ noted
///               │   ▲
///     carried   ▼   │ no commit came of it
///              by a transaction of their context ──▶ committed, and on record with it
///
/// A transaction carries what was read in its context and is not noted yet: so what it was built on is never on record later
/// than the commit itself. More than fits into it is noted first.
struct Notes: Sendable {
    struct Waiting: Sendable {
        let read: NotedRead
        /// The number of the transaction that carries it, which is not decided yet.
        var carrier: UInt64?
    }
    var waiting: [Waiting] = []
    /// Transactions that carry any.
    private var carriers: Set<UInt64> = []
    var underWay: [NotedRead] = []
    /// Of those under way: what was dropped before.
    var droppedUnderWay = 0
    var dropped = 0
    var lastSent: Instant?
    /// What was noted lately, in two halves, the older of which goes when the newer is full: a read is told once, by whichever
    /// view or call it was made.
    private var recent: Set<Read> = []
    private var earlier: Set<Read> = []
    private struct Read: Hashable {
        let context: ByBytes
        let read: ReadVersion
    }
    private static let mostRecent = 8192

    /// Nobody opens a session for them.
    var isSessionRefused = false
    /// No more will come, so that nothing is gained by waiting for them.
    var isLast = false

    var isUnderWay: Bool { !underWay.isEmpty || droppedUnderWay > 0 }

    /// Those that were not noted lately.
    mutating func add(_ reads: [NotedRead]) {
        for read in reads {
            let known = Read(context: ByBytes(read.context), read: read.read)
            if recent.contains(known) || earlier.contains(known) { continue }
            if recent.count == Self.mostRecent { (earlier, recent) = (recent, []) }
            recent.insert(known)
            waiting.append(Waiting(read: read))
        }
    }

    /// What a transaction in this context has to carry.
    func unnoted(in context: String) -> [NotedRead] {
        let open = waiting.lazy.filter { $0.carrier == nil && $0.read.context.hasSameBytes(as: context) }.map(\.read)
        return underWay.filter { $0.context.hasSameBytes(as: context) } + open
    }

    /// The places of the first that no transaction carries.
    func free(_ most: Int) -> [Int] { Array(waiting.indices.lazy.filter { waiting[$0].carrier == nil }.prefix(most)) }

    mutating func carry(in context: String, by number: UInt64) {
        carriers.insert(number)
        for index in waiting.indices
        where waiting[index].carrier == nil && waiting[index].read.context.hasSameBytes(as: context) {
            waiting[index].carrier = number
        }
    }

    /// - Parameter isOnRecord: a commit came of the transaction.
    mutating func settle(_ number: UInt64, isOnRecord: Bool) {
        guard carriers.remove(number) != nil else { return }
        if isOnRecord {
            waiting.removeAll { $0.carrier == number }
        } else {
            for index in waiting.indices where waiting[index].carrier == number { waiting[index].carrier = nil }
        }
    }

    /// What became of all that were under way is not known.
    mutating func uncarryAll() {
        carriers = []
        for index in waiting.indices { waiting[index].carrier = nil }
    }
}

extension ClientCore {
    /// A transaction carries no more than this of what was read before it.
    private static let mostCarriedBytes = 256 << 10

    /// - Parameter isDue: they may go now; else a transaction comes that carries them.
    mutating func note(_ reads: [NotedRead], isDue: Bool = true) {
        notes.add(reads)
        let excess = notes.waiting.count - settings.mostNotedReads
        if excess > 0 {
            notes.waiting.removeFirst(excess)
            notes.dropped += excess
        }
        if isDue { sendNotes() }
    }

    mutating func sendNotes() {
        guard !notes.isUnderWay, link.welcome != nil else { return }
        if !notes.isLast, let last = notes.lastSent, now < last + settings.noteReads { return }
        let most = min(settings.notedReadsPerRequest, max(1, link.welcome?.limits.keysPerRequest ?? .max))
        let places = notes.free(most)
        if places.isEmpty, notes.dropped == 0 { return }
        let batch = places.map { notes.waiting[$0].read }
        if batch.contains(where: \.context.isEmpty), session.id == nil, !notes.isLast, !notes.isSessionRefused {
            // It tells whose commits build on what was read without a context.
            return openSession()
        }
        for place in places.reversed() { notes.waiting.remove(at: place) }
        (notes.underWay, notes.droppedUnderWay, notes.dropped) = (batch, notes.dropped, 0)
        notes.lastSent = now
        let sent = NoteReads(
            agent: settings.agent, session: session.id, reads: batch, dropped: notes.droppedUnderWay)
        ask(.noteReads(sent), for: .notes)
    }

    var hasNotedAll: Bool { notes.waiting.isEmpty && !notes.isUnderWay }

    /// Noted, or refused for good: either way they have been dealt with.
    mutating func noted(_ body: Reply.Body) {
        notes.underWay = []
        notes.droppedUnderWay = 0
        if notes.waiting.count >= settings.notedReadsPerRequest { notes.lastSent = nil }
        sendNotes()
    }

    /// Whether the transaction has to wait until some of what was read before it is noted, since it can't carry all.
    mutating func isToNoteFirst(_ work: Work) -> Bool {
        guard case .transaction(let transaction) = work, !transaction.changes.isEmpty else { return false }
        let reads = notes.unnoted(in: transaction.context)
        if reads.isEmpty || fits(reads, into: transaction, work) { return false }
        notes.lastSent = nil
        sendNotes()
        return notes.isUnderWay
    }

    private func fits(_ reads: [NotedRead], into transaction: Transaction, _ work: Work) -> Bool {
        let bytes = reads.reduce(0) { $0 + $1.read.subject.text.utf8.count + 160 }
        let limits = link.welcome?.limits
        return transaction.reads.count + reads.count <= limits?.keysPerRequest ?? .max && bytes <= Self.mostCarriedBytes
            && work.requestBytes + bytes <= limits?.transactionBytes ?? .max
    }

    /// The transaction with what was read in its context and is not noted yet.
    mutating func carrying(_ work: Work, as number: UInt64) -> Work {
        guard case .transaction(var transaction) = work, !transaction.changes.isEmpty else { return work }
        let reads = notes.unnoted(in: transaction.context)
        guard !reads.isEmpty, fits(reads, into: transaction, work) else { return work }
        notes.carry(in: transaction.context, by: number)
        let own = Set(transaction.reads.map { ReadVersion($0.subject, version: $0.version) })
        for noted in reads where !own.contains(ReadVersion(noted.read.subject, version: noted.read.version)) {
            var read = noted.read
            if read.branch == transaction.branch { read.branch = nil }
            transaction.reads.append(read)
        }
        return .transaction(transaction)
    }
}
