import Glibc
import MembusModel
import Synchronization

// A batch's way to the disk:
//
//   1. BEGIN IMMEDIATE.
//   2. Each item in its turn, in the state that the items before it left: a known retry is answered; a
//      transaction is decided by the model, and what it decides is inserted.
//   3. The sessions that decided something are written, one row each.
//   4. What was decided is handed to whoever makes it durable elsewhere, a log say, unless nothing was decided. This
//      runs inside the one access to the database: it must not ask writer or readers for anything.
//   5. COMMIT, which syncs the log. A crash before it leaves nothing of the batch, one after it all.
//   6. Only now does the caller learn results and commits: nothing is shown that is not on disk.
//
// Invariants, asserted in step 2 and by the reader when history is read back: revisions are dense and only
// rise; a commit's ordinals run from 0. If any step fails, the file and everything held here are as before
// the batch; if it was the sync that failed, what is on disk is not known and the error is fatal.
//
// Another writer's batch comes in by `apply` (Applying.swift).

/// The only one that changes the store. Used by one thread at a time.
// @unchecked: all that changes is reached only inside the connection's serial queue.
package final class Writer: @unchecked Sendable {
    // First, so that they are gone before their connection is.
    var statements: WriterStatements
    let connection: Connection
    let limits: Limits
    package let lineage: Lineage
    /// Keeps the directory locked while there is a writer.
    private let directory: DataDirectory?
    var state: WriterState
    var sessions: SessionTable
    /// Beside the state: it is known by what it was found out of.
    let pinsKnown = KnownPins()
    /// Whether notes are there that are forgotten; not known after a restart.
    var notesToDrop = true
    /// Beside the state: it begins anew where it does not fit.
    let cascades = Cascades()
    /// Likewise.
    let unsound = KnownUnsound()
    /// Beside the state: what a failed sweep would have dropped is not counted in the first place.
    var evicted = Evictions()
    /// How far the search for unused ones has come.
    var sessionsLookedAt = Int64.min
    /// Beside the state: time passes for failed batches, too.
    var ages: HistoryAges
    /// The store's age when its marks were last written.
    private var agesKept: Int64
    /// When it was last told the time, by either clock.
    private var lastInstant: Instant?
    private var lastTime: Timestamp?
    /// How many outcomes of a session its own batches keep.
    private let mostKept: UInt64

    /// Whether the file was made for it.
    let givesSpaceBack: Bool

    private let rest: LogRest
    /// A batch that failed had changed them.
    private var areBranchesUnsure = false

    init(
        _ connection: Connection, rest: LogRest, directory: DataDirectory?, lineage: Lineage, limits: Limits,
        mostKept: UInt64
    ) throws(StoreError) {
        self.connection = connection
        self.rest = rest
        self.directory = directory
        self.lineage = lineage
        self.limits = limits
        self.mostKept = mostKept
        sessions = SessionTable(mostKept: mostKept)
        (state, statements, ages, givesSpaceBack) = try connection.perform("reading the head") { db in
            (
                try WriterState.load(db), try WriterStatements(db), try HistoryAges.load(db),
                try db.integer("PRAGMA auto_vacuum") == 2
            )
        }
        agesKept = ages.age
        ages.mark(state.head.revision, state.time, always: true)
    }

    /// The newest revision on disk.
    package var head: Position { connection.queue.inDatabase { _ in state.head } }
    /// The oldest revision that reads are exact at.
    package var floor: Revision { connection.queue.inDatabase { _ in state.floor } }
    /// What went since it was made, before its age, for want of space; `nil`: nothing did.
    package var evictedHistory: EvictedHistory? { connection.queue.inDatabase { _ in evicted.told } }
    /// When the next record may expire; `nil`: none will.
    package var nextExpiry: Timestamp? { connection.queue.inDatabase { _ in state.expiry.next } }

    /// That of the last commit; `nil`: there is none.
    package var lastCommit: Timestamp? {
        connection.queue.inDatabase { _ in state.time == .never ? nil : state.time }
    }

    /// The monotonic clock has come so far: history ages by it. Whoever does not say so has it age by the times that
    /// batches are written at.
    package func pass(to now: Instant) {
        connection.queue.inDatabase { _ in
            if let lastInstant { ages.pass(now - lastInstant) }
            lastInstant = now
        }
    }

    private func pass(to now: Timestamp) {
        guard lastInstant == nil else { return }
        if let lastTime, lastTime < now { ages.pass(.milliseconds(now.milliseconds - lastTime.milliseconds)) }
        lastTime = now
    }

    /// What is known of ages goes to disk with commits that go there anyhow, now and then.
    private func keepAges(_ db: Database, _ hasCommits: Bool) throws {
        guard hasCommits, ages.age >= agesKept + Self.agesKeptEvery else { return }
        try ages.keep(db)
        agesKept = ages.age
    }
    private static let agesKeptEvery: Int64 = 10_000

    /// Writes a batch, all of it or nothing.
    /// - Parameters:
    ///   - time: of the batch's commits.
    ///   - makeDurable: is called before COMMIT with what was decided, if anything was. If it throws, nothing is kept.
    ///     `nil`: nobody wants it, and it is not put together.
    /// - Throws: ``StoreError``: nothing of the batch was kept. If it ``StoreError/isFatal``, the process
    ///   must stop, since what is on disk is no longer known.
    package func write(
        _ items: [WriteItem], at time: Timestamp, makeDurable: ((DecidedBatch) throws -> Void)? = nil
    ) throws(StoreError) -> WrittenBatch {
        try transaction("writing a batch") { db in
            pass(to: time)
            sessions.keep(mostKept)
            var batch = Batch(db: db, writer: self, now: time, collecting: makeDurable == nil ? nil : items.count)
            var results: [WriteResult] = []
            results.reserveCapacity(items.count)
            for item in items { results.append(try batch.run(item)) }
            try sessions.save(by: &statements.sessionRow, now: batch.time)
            try keepAges(db, !batch.commits.isEmpty)
            if !batch.entries.isEmpty { try makeDurable?(batch.decided) }
            return WrittenBatch(
                results: results, commits: batch.commits, deletedBranches: batch.deleted, head: state.head, sync: .zero)
        } then: { written, sync in
            sessions.trim()
            ages.mark(state.head.revision, state.time)
            var written = written
            written.sync = sync
            return written
        }
    }

    /// How much of the write-ahead log is in use, in bytes, as far as the last checkpoint tells. Once after each that left
    /// nothing it is 0: whether the log begins anew shows with the next write alone, and where nobody commits there would be none.
    package var logBytes: Int64 {
        rest.isWrittenBack.exchange(false, ordering: .relaxed) ? 0 : rest.bytes.load(ordering: .relaxed)
    }

    /// Runs `body` in one SQLite transaction; whatever fails, file and memory are as before.
    func transaction<T, U>(
        _ doing: String, _ body: (Database) throws -> T, then: (T, Duration) -> U
    ) throws(StoreError) -> U {
        try rest.checkpointIfWanted(by: connection)
        do {
            return try connection.queue.inDatabase { db in
                try renewBranches(db)
                // Without the branches: a copy of them would have ten thousand be copied for each that is made.
                var before = state
                before.branches = BranchTable()
                let changes = state.branches.changes
                do {
                    try statements.begin.run()
                    let result = try body(db)
                    let start = ContinuousClock.now
                    do { try statements.commit.run() } catch {
                        throw StoreError(error, while: doing, at: .committing)
                    }
                    return then(result, ContinuousClock.now - start)
                } catch {
                    before.branches = state.branches
                    areBranchesUnsure = changes != state.branches.changes
                    state = before
                    sessions.forget()
                    cascades.forget()
                    unsound.forget()
                    if db.isInsideTransaction { try? db.run("ROLLBACK TRANSACTION") }
                    throw error
                }
            }
        } catch {
            throw StoreError(error, while: doing)
        }
    }

    /// After a failure they are read anew.
    private func renewBranches(_ db: Database) throws {
        guard areBranchesUnsure else { return }
        state.branches = try BranchTable.load(db)
        // It counts its changes anew.
        pinsKnown.forget()
        areBranchesUnsure = false
    }
}

/// What every batch runs.
struct WriterStatements {
    var begin: Prepared
    var commit: Prepared
    var commitRow: Prepared
    var changeRow: Prepared
    var sessionRow: Prepared

    init(_ db: Database) throws {
        begin = try Prepared(db, "BEGIN IMMEDIATE TRANSACTION")
        commit = try Prepared(db, "COMMIT TRANSACTION")
        commitRow = try Prepared(db, CommitRow.insertion)
        changeRow = try Prepared(db, RecordRow.insertion)
        sessionRow = try Prepared(db, SessionTable.update)
    }
}

/// What the writer knows of the store without looking. A value, so that a failed batch is undone by
/// putting the old one back.
struct WriterState {
    var head: Position
    /// All 32 bytes.
    var hash: [UInt8]
    /// Of the last commit.
    var time: Timestamp
    var floor: Revision
    /// What these revisions replaced goes though it is not old yet: there is too much. Not known after a restart.
    var forSpace: ClosedRange<Revision>?
    /// Notes that came before then are forgotten.
    var notesForgotten: Timestamp
    /// About what the others take of the file.
    var notesBytes: Int64
    /// Of the last note.
    var notesTime: Timestamp
    var branches: BranchTable
    var expiry: ExpirySchedule

    static func load(_ db: Database) throws -> WriterState {
        let head = try Chain.head(db)
        let lastChange =
            try db.integer("SELECT max(position) FROM changes").map { LogCursor(position: $0).revision } ?? 0
        guard lastChange <= head.revision else {
            throw StoreError(
                .damaged, "the store holds a change of revision \(lastChange), but its last commit is \(head.revision)",
                hint: "restore a backup; membus verify tells more")
        }
        let notesForgotten = try Meta.integer(db, .notesForgotten).map { Timestamp(milliseconds: $0) } ?? .never
        return WriterState(
            head: Position(revision: head.revision, hash: shortHash(head.hash)), hash: head.hash,
            time: try lastTime(db), floor: try Meta.floor(db),
            notesForgotten: notesForgotten, notesBytes: try NoteRow.bytes(since: notesForgotten, in: db),
            notesTime: try db.integer("SELECT time FROM notes ORDER BY id DESC LIMIT 1")
                .map { Timestamp(milliseconds: $0) } ?? .never,
            branches: try .load(db), expiry: try .load(db))
    }

    private static func lastTime(_ db: Database) throws -> Timestamp {
        let newest = try db.integer("SELECT time FROM commits ORDER BY revision DESC LIMIT 1")
        let known = try Meta.integer(db, .time)
        return [newest, known].compactMap { $0.map { Timestamp(milliseconds: $0) } }.max() ?? .never
    }
}

extension Timestamp {
    /// Of no commit at all.
    static let never = Timestamp(milliseconds: .min)
}
