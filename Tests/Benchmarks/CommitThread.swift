import CSQLite
import Foundation
import MembusModel
import MembusStore

/// The thread that writes, alone: the store fed with batches of 256 transactions; beside it, SQLite by its C
/// interface with two inserts for each, in the same groups and as durable.
enum CommitThread {
    static let benchmark = Benchmark(name: "store", about: "the commit thread alone", run: run)
    private static let batch = 256

    private static func run(_ setting: Setting) async throws -> [Row] {
        let data = try setting.directory("store")
        defer { setting.drop(data) }
        let feed = try StoreFeed(directory: data + "/membus")
        let raw = try RawStore(path: data + "/raw.db")
        let batches = setting.scaled(200)
        var (ours, plain, ratios) = (Samples(), Samples(), Samples())
        for _ in 0..<setting.rounds(7) {
            let membus = try time { for _ in 0..<batches { try feed.write(count: batch) } }
            let bare = try time { for _ in 0..<batches { try raw.write(count: batch) } }
            try feed.checkpoint()
            raw.checkpoint()
            let count = Double(batches * batch)
            ours.add(count / (membus / 1e9))
            plain.add(count / (bare / 1e9))
            ratios.add(bare / membus)
        }
        return [
            Row(
                measure: "commits of 512 B per second by the store's writer alone, 256 at a time",
                result: grouped(ours.median), spread: ours.groupedSpread,
                yardstick: "raw SQLite, two inserts a commit: \(grouped(plain.median)): ×\(format(ratios.median, ""))")
        ]
    }
}

/// A store that is written to directly.
final class StoreFeed {
    static let agent = "feed"
    private let writer: Writer
    private let checkpointer: Checkpointer?
    private let session = SessionID(1)
    private var number: UInt64 = 0

    init(directory: String) throws {
        let store = try Store.open(at: directory, newLineage: 1)
        writer = try store.makeWriter()
        checkpointer = try store.makeCheckpointer()
        _ = try writer.write([.openSession(session, agent: Self.agent)], at: now)
    }

    private var now: Timestamp { Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

    /// A batch of transactions of one record each.
    func write(count: Int) throws {
        let value = Data(repeating: UInt8(ascii: "v"), count: 512)
        try write(
            (0..<count).map { [Change(Key(unchecked: "store/\((Int(number) + $0) % 100_000)"), .put(Put(value)))] })
    }

    /// A batch of one transaction for each list of changes.
    func write(_ transactions: [[Change]], on branch: BranchName = .main) throws {
        try write(transactions.map { .transaction(Transaction(branch: branch, changes: $0)) })
    }

    func write(_ works: [Work]) throws {
        let items = works.map { work in
            number += 1
            return WriteItem.transact(
                Transact(session: session, number: number, acknowledged: number - 1, work: .success(work)),
                fingerprint: number)
        }
        let written = try writer.write(items, at: now)
        for result in written.results {
            guard case .outcome(.committed) = result else { throw Trouble("the store refused a commit: \(result)") }
        }
    }

    func checkpoint() throws { try checkpointer?.run() }
}

/// The least that a versioned store could do: a row for the commit, a row for the change.
final class RawStore {
    private var db: OpaquePointer?
    private var commit: OpaquePointer?
    private var change: OpaquePointer?
    private var revision: Int64 = 0
    private let value = [UInt8](repeating: UInt8(ascii: "v"), count: 512)
    private let hash = [UInt8](repeating: 1, count: 32)

    init(path: String) throws {
        guard sqlite3_open(path, &db) == SQLITE_OK else { throw Trouble("\(path) can't be made") }
        try run(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192"
        )
        try run("CREATE TABLE commits(revision INTEGER PRIMARY KEY, agent TEXT, time INTEGER, hash BLOB) STRICT")
        try run("CREATE TABLE changes(position INTEGER PRIMARY KEY, key TEXT, value BLOB) STRICT")
        sqlite3_prepare_v2(db, "INSERT INTO commits VALUES(?, 'feed', ?, ?)", -1, &commit, nil)
        sqlite3_prepare_v2(db, "INSERT INTO changes VALUES(?, ?, ?)", -1, &change, nil)
    }

    deinit {
        sqlite3_finalize(commit)
        sqlite3_finalize(change)
        sqlite3_close(db)
    }

    private func run(_ sql: String) throws {
        guard sqlite3_exec(db, sql, nil, nil, nil) == SQLITE_OK else { throw Trouble("SQLite refused: \(sql)") }
    }

    /// The log is written over from its start then, as the store's is.
    func checkpoint() { sqlite3_wal_checkpoint_v2(db, nil, SQLITE_CHECKPOINT_RESTART, nil, nil) }

    func write(count: Int) throws {
        try run("BEGIN IMMEDIATE")
        for _ in 0..<count {
            revision += 1
            sqlite3_bind_int64(commit, 1, revision)
            sqlite3_bind_int64(commit, 2, revision)
            hash.withUnsafeBytes { _ = sqlite3_bind_blob(commit, 3, $0.baseAddress, 32, nil) }
            try step(commit)
            sqlite3_bind_int64(change, 1, revision << 20)
            let key = "store/\(revision % 100_000)"
            try key.withCString { key in
                sqlite3_bind_text(change, 2, key, -1, nil)
                value.withUnsafeBytes { _ = sqlite3_bind_blob(change, 3, $0.baseAddress, 512, nil) }
                try step(change)
            }
        }
        try run("COMMIT")
    }

    private func step(_ statement: OpaquePointer?) throws {
        guard sqlite3_step(statement) == SQLITE_DONE else { throw Trouble("SQLite refused an insert") }
        sqlite3_reset(statement)
    }
}
