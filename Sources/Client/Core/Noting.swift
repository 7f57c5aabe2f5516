import MembusSystem

/// First reads that are no transaction's own, on their way to the broker: at most one request at a time, the oldest are dropped
/// and counted when too many wait.
///
///     read ──▶ waiting ──▶ under way ──▶ noted
///               │   ▲
///     carried   ▼   │ no commit came of it
///              by a transaction of their context ──▶ committed, and on record with it
///
/// A transaction carries what was read before it in its context and is not noted yet: so what it was built on is never on
/// record later than the commit itself. More than fits into it is noted first. What was read in no context counts for all that
/// the connection does: every transaction carries that, and it is noted all the same.
struct Notes: Sendable {
    struct Waiting: Sendable {
        let read: NotedRead
        /// They are counted as they are made.
        let number: UInt64
        /// The number of the transaction that carries it, which is not decided yet.
        var carrier: UInt64?
    }
    var waiting: [Waiting] = []
    /// Of the last read.
    private(set) var last: UInt64 = 0
    /// Transactions that carry any.
    private var carriers: Set<UInt64> = []
    var underWay: [Waiting] = []
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
            last += 1
            waiting.append(Waiting(read: read, number: last))
        }
    }

    /// What a transaction in this context has to carry, of what was read before it.
    func unnoted(in context: String, upTo last: UInt64) -> [NotedRead] {
        func isIts(_ entry: Waiting) -> Bool {
            entry.number <= last && (entry.read.context.isEmpty || entry.read.context.hasSameBytes(as: context))
        }
        return underWay.lazy.filter(isIts).map(\.read)
            + waiting.lazy.filter { $0.carrier == nil && isIts($0) }.map(\.read)
    }

    /// The first that no transaction carries wait no more.
    mutating func take(_ most: Int) -> [Waiting] {
        var taken: [Waiting] = []
        var left: [Waiting] = []
        for entry in waiting {
            if entry.carrier == nil, taken.count < most { taken.append(entry) } else { left.append(entry) }
        }
        waiting = left
        return taken
    }

    /// What was read in no context, too, if it is in none: else that is yet to be noted, for the others.
    mutating func carry(in context: String, upTo last: UInt64, by number: UInt64) {
        carriers.insert(number)
        for index in waiting.indices
        where waiting[index].carrier == nil && waiting[index].number <= last
            && waiting[index].read.context.hasSameBytes(as: context)
        {
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

    /// All of it was read in a history that is not there any more.
    mutating func forget() {
        (waiting, underWay, droppedUnderWay, dropped) = ([], [], 0, 0)
        (carriers, recent, earlier) = ([], [], [])
    }
}

extension ClientCore {
    /// A transaction carries no more than this of what was read before it.
    private static let mostCarriedBytes = 256 << 10

    /// - Parameters:
    ///   - dropped: so many more could not be kept.
    ///   - isDue: they may go now; else a transaction comes that carries them.
    mutating func note(_ reads: [NotedRead], dropped: Int, isDue: Bool = true) {
        notes.add(reads)
        notes.dropped += dropped
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
        let isOfSession = notes.waiting.contains { $0.carrier == nil && $0.read.context.isEmpty }
        if isOfSession, session.id == nil, !notes.isLast, !notes.isSessionRefused {
            // It tells whose commits build on what was read without a context.
            return openSession()
        }
        let batch = notes.take(
            min(settings.notedReadsPerRequest, max(1, link.welcome?.limits.keysPerRequest ?? .max)))
        if batch.isEmpty, notes.dropped == 0 { return }
        (notes.underWay, notes.droppedUnderWay, notes.dropped) = (batch, notes.dropped, 0)
        notes.lastSent = now
        let sent = NoteReads(
            agent: settings.agent, session: session.id, reads: batch.map(\.read), dropped: notes.droppedUnderWay)
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

    /// The broker holds another history.
    mutating func forgetReads() {
        notes.forget()
        asks.removeAll { $0.purpose == .notes }
    }

    /// Whether the transaction has to wait until some of what was read before it is noted, since it can't carry all.
    mutating func isToNoteFirst(_ waiting: Session.Waiting) -> Bool {
        guard case .transaction(let transaction) = waiting.work, !transaction.changes.isEmpty else { return false }
        let reads = notes.unnoted(in: transaction.context, upTo: waiting.readsBefore)
        if reads.isEmpty || fits(reads, into: transaction, waiting.work) { return false }
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

    /// The transaction with what was read before it and is not noted yet.
    mutating func carrying(_ waiting: Session.Waiting, as number: UInt64) -> Work {
        let work = waiting.work
        guard case .transaction(var transaction) = work, !transaction.changes.isEmpty else { return work }
        let reads = notes.unnoted(in: transaction.context, upTo: waiting.readsBefore)
        guard !reads.isEmpty, fits(reads, into: transaction, work) else { return work }
        notes.carry(in: transaction.context, upTo: waiting.readsBefore, by: number)
        var named = Set(transaction.reads.map { $0.named(on: transaction.branch) })
        for noted in reads where named.insert(noted.read.named(on: transaction.branch)).inserted {
            var read = noted.read
            if read.branch == transaction.branch { read.branch = nil }
            transaction.reads.append(read)
        }
        return .transaction(transaction)
    }
}

extension ReadVersion {
    /// The same, whoever has read it, and in whichever state that shows it.
    fileprivate func named(on branch: BranchName) -> ReadVersion {
        ReadVersion(subject, version: version, on: self.branch ?? branch, cut: version > 0 ? 0 : cut)
    }
}

extension Work {
    /// Without what was read before it.
    var withoutCarried: Work {
        guard case .transaction(var transaction) = self else { return self }
        transaction.reads.removeAll { !$0.isOwn }
        return .transaction(transaction)
    }
}
