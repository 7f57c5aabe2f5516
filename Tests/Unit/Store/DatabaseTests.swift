import CSQLite
import Foundation
import MembusModel
import Synchronization
import Testing

@testable import MembusStore

@Suite("SQLite, by its C interface")
struct DatabaseTests {
    private func inMemory<T>(_ body: (Database) throws -> T) throws -> T { try DatabaseQueue().inDatabase(body) }

    /// What is refused with which error.
    private func refusal(_ body: () throws -> Void) throws -> DatabaseError? {
        do { try body() } catch let error as DatabaseError { return error }
        return nil
    }

    // MARK: Arguments and columns

    @Test("an argument of each kind comes back as it went, those of no bytes too, which are not NULL")
    func arguments() throws {
        try inMemory { db in
            try db.execute("CREATE TABLE t(n INTEGER PRIMARY KEY, i INTEGER, s TEXT, b BLOB) STRICT")
            let long = String(repeating: "é", count: 1000)
            let slice = Data([9, 1, 2, 9])[1...2]
            let all: [(Int64?, String?, Data?)] = [
                (.min, "a\u{0}b", Data([0, 255])), (.max, long, slice), (0, "", Data()), (nil, nil, nil),
                (-1, String("xyz".dropFirst(3)), Data([1])[1...]),
            ]
            let sql = "INSERT INTO t(i, s, b) VALUES (?, ?, ?)"
            var prepared = try Prepared(db, sql)
            for (integer, text, blob) in all {
                try db.run(sql, [integer, text, blob])
                try db.execute(sql, [integer, text, blob])
                prepared.bind(integer)
                if let text { prepared.bind(text) } else { prepared.bindNull() }
                prepared.bind(blob: blob)
                try prepared.run()
            }
            let rows = try db.rows("SELECT i, s, b, typeof(i), typeof(s), typeof(b) FROM t ORDER BY n")
            for (integer, text, blob) in all {
                for _ in 0..<3 {
                    let row = try #require(try rows.next())
                    #expect(try row[0] as Int64? == integer)
                    #expect(try (row[1] as String?).map { Array($0.utf8) } == text.map { Array($0.utf8) })
                    #expect(try row[2] as Data? == blob)
                    #expect(try row[3] as String == (integer == nil ? "null" : "integer"))
                    #expect(try row[4] as String == (text == nil ? "null" : "text"))
                    #expect(try row[5] as String == (blob == nil ? "null" : "blob"))
                }
            }
            #expect(try rows.next() == nil)
            #expect(try rows.next() == nil)
        }
    }

    @Test("booleans and numbers are integers; arguments can be joined")
    func conversions() throws {
        try inMemory { db in
            let arguments: Arguments = [true, false] + [7, SQLValue.null]
            let row = try #require(try db.rows("SELECT ?, ?, ?, ?", arguments).next())
            #expect(try row[0] as Bool && !(row[1] as Bool))
            #expect(try row[2] as Int == 7)
            #expect(try row[3] as Int64? == nil)
        }
    }

    @Test("a column that holds something else than was asked for is told, not taken for what it is not")
    func unexpected() throws {
        try inMemory { db in
            let row = try #require(try db.rows("SELECT 1, 'a', x'00', NULL, 1.5").next())
            #expect(throws: UnexpectedColumn.self) { try row[0] as String }
            #expect(throws: UnexpectedColumn.self) { try row[1] as Int64 }
            #expect(throws: UnexpectedColumn.self) { try row[1] as Data }
            #expect(throws: UnexpectedColumn.self) { try row[2] as String? }
            #expect(throws: UnexpectedColumn.self) { try row[3] as Bool }
            #expect(throws: UnexpectedColumn.self) { try row[4] as Int }
        }
    }

    @Test("more or fewer arguments than places are refused, and nothing is run", arguments: [0, 1, 3])
    func wrongCount(count: Int) throws {
        try inMemory { db in
            try db.execute("CREATE TABLE t(a, b)")
            var arguments: Arguments = []
            for number in 0..<count { arguments = arguments + [number] }
            let sql = "INSERT INTO t VALUES (?, ?)"
            for run in [{ try db.run(sql, arguments) }, { try db.execute(sql, arguments) }] {
                let error = try #require(try refusal(run))
                #expect(error.code == .error && error.sql == sql)
                #expect(error.message == "there are \(count) arguments for 2 places")
            }
            #expect(throws: DatabaseError.self) { try db.rows("SELECT ?", []) }
            #expect(try db.integer("SELECT count(*) FROM t") == 0)
            try db.run(sql, [1, 2])
            #expect(try db.integer("SELECT count(*) FROM t") == 1)
        }
    }

    // MARK: Texts of statements

    @Test("all statements of a text are run, whatever stands between and behind them")
    func several() throws {
        try inMemory { db in
            try db.execute(
                """
                -- A table.
                CREATE TABLE t(a); ; INSERT INTO t VALUES (1); /* another */ INSERT INTO t VALUES (2)

                ;  -- the end
                """)
            try db.execute("INSERT INTO t VALUES (?); INSERT INTO t VALUES (4);\n\n", [3])
            for nothing in ["", " \n", "-- nothing", "/* nothing */ ;;"] { try db.execute(nothing) }
            #expect(try db.integer("SELECT sum(a) FROM t") == 10)
            #expect(throws: DatabaseError.self) { try db.execute("-- nothing", [1]) }
            #expect(throws: DatabaseError.self) { try db.run("-- nothing") }
        }
    }

    @Test("of a text with a fault, what stands before it is done")
    func faultInText() throws {
        try inMemory { db in
            let sql =
                "CREATE TABLE t(a); INSERT INTO t VALUES (1); INSERT INTO none VALUES (2); INSERT INTO t VALUES (3)"
            let error = try #require(try refusal { try db.execute(sql) })
            #expect(error.code == .error && error.message == "no such table: none")
            #expect(try db.integer("SELECT count(*) FROM t") == 1)
        }
    }

    @Test("a cached statement is as new each time, and follows when its table changes")
    func cached() throws {
        try inMemory { db in
            try db.execute("CREATE TABLE t(a)")
            for number in 0..<3 { try db.run("INSERT INTO t VALUES (?)", [number]) }
            #expect(try db.cachedStatement("SELECT a FROM t") === db.cachedStatement("SELECT a FROM t"))
            #expect(try db.integer("SELECT a FROM t") == 0)
            #expect(try db.first("SELECT a FROM t WHERE a > ?", [0]) { try $0[0] as Int } == 1)
            #expect(try db.first("SELECT a FROM t WHERE a > ?", [1]) { try $0[0] as Int } == 2)
            #expect(try db.first("SELECT a FROM t WHERE a > ?", [2]) { try $0[0] as Int } == nil)
            try db.execute("DROP TABLE t; CREATE TABLE t(b, a); INSERT INTO t VALUES (5, 6)")
            #expect(try db.integer("SELECT a FROM t") == 6)
            try db.run("UPDATE t SET a = 7")
            #expect(db.changesCount == 1)
            try db.run("DELETE FROM t WHERE a = 8")
            #expect(db.changesCount == 0)
            #expect(try db.tableExists("t") && !db.tableExists("u"))
        }
    }

    @Test("what a pragma says is what is so now")
    func word() throws {
        try inMemory { db in
            for mode in ["0", "1", "2"] {
                try db.execute("PRAGMA synchronous = \(mode)")
                #expect(try db.word("PRAGMA synchronous") == mode)
            }
            #expect(try db.word("SELECT NULL") == nil)
            #expect(try db.word("SELECT 1 WHERE 0") == nil)
            #expect(try db.word("SELECT 12") == "12")
        }
    }

    // MARK: Errors

    @Test("an error has SQLite's whole code, its words and the statement; the next run is not told of it")
    func errors() throws {
        try inMemory { db in
            try db.execute("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE NOT NULL) STRICT")
            let sql = "INSERT INTO t VALUES (?, ?)"
            try db.run(sql, [1, "x"])
            var prepared = try Prepared(db, sql)
            let runs: [(Int64, String) throws -> Void] = [
                { try db.run(sql, [$0, $1]) }, { try db.execute(sql, [$0, $1]) },
                {
                    prepared.bind($0)
                    prepared.bind($1)
                    try prepared.run()
                },
            ]
            for (number, run) in runs.enumerated() {
                let error = try #require(try refusal { try run(9, "x") })
                // SQLITE_CONSTRAINT_UNIQUE
                #expect(error.extendedCode.rawValue == 2067 && error.code.rawValue == SQLITE_CONSTRAINT)
                #expect(error.message == "UNIQUE constraint failed: t.b")
                #expect(error.sql == sql)
                #expect(error.description.contains("2067") && error.description.contains(sql))
                try run(Int64(number) + 2, "\(number)")
            }
            #expect(try db.integer("SELECT count(*) FROM t") == 4)
            let syntax = try #require(try refusal { try db.run("SELEC 1") })
            #expect(syntax.code == .error && syntax.message == "near \"SELEC\": syntax error")
        }
    }

    @Test("an error in the middle of rows is thrown once, and the statement can be run again")
    func errorInRows() throws {
        try inMemory { db in
            try db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (1), (-9223372036854775808), (2)")
            let sql = "SELECT abs(a) FROM t ORDER BY rowid"
            for _ in 0..<2 {
                let rows = try db.rows(sql)
                #expect(try rows.next() != nil)
                let error = try #require(try refusal { _ = try rows.next() })
                #expect(error.message == "integer overflow")
                #expect(try rows.next() == nil)
            }
        }
    }

    @Test("an argument that is too long is refused with the right code, also where SQLite did not note it")
    func tooLong() throws {
        try inMemory { db in
            sqlite3_limit(db.sqliteConnection, SQLITE_LIMIT_LENGTH, 1000)
            let error = try #require(try refusal { try db.run("SELECT ?", [Data(count: 2000)]) })
            #expect(error.code == .tooBig)
            try db.run("SELECT ?", [Data(count: 100)])
            let untold = DatabaseError(SQLITE_TOOBIG, on: db.sqliteConnection)
            #expect(untold.code == .tooBig && untold.message == nil)
        }
    }

    @Test("what cannot be opened, is no database, or may only be read is told as what it is")
    func opening() throws {
        let scratch = try Scratch()
        let missing = try #require(
            try refusal { _ = try DatabaseQueue(path: scratch.file("none/db"), isReadOnly: true) })
        #expect(missing.code == .cannotOpen && missing.message == "unable to open database file")
        #expect(
            try refusal { _ = try DatabaseQueue(path: scratch.file("none"), isReadOnly: true) }?.code == .cannotOpen)
        #expect(!FileManager.default.fileExists(atPath: scratch.file("none")))

        try Data(repeating: 7, count: 5000).write(to: URL(fileURLWithPath: scratch.file("text")))
        let text = try DatabaseQueue(path: scratch.file("text"))
        #expect(
            try refusal { try text.inDatabase { _ = try $0.integer("PRAGMA user_version") } }?.code == .notADatabase)

        let file = scratch.file("db")
        try DatabaseQueue(path: file).inDatabase { try $0.execute("CREATE TABLE t(a)") }
        let reading = try DatabaseQueue(path: file, isReadOnly: true)
        let refused = try #require(
            try refusal { try reading.inDatabase { try $0.execute("INSERT INTO t VALUES (1)") } })
        #expect(refused.code == .readOnly)
        #expect(try reading.inDatabase { try $0.integer("SELECT count(*) FROM t") } == 0)
        let unchanging = try DatabaseQueue(
            path: SQLiteName.uri(file) + "?immutable=1", isReadOnly: true, isURI: true)
        #expect(try unchanging.inDatabase { try $0.integer("SELECT count(*) FROM t") } == 0)
    }

    // MARK: Transactions

    @Test("a transaction is kept as a whole, or not at all")
    func transactions() throws {
        struct Stop: Error {}
        try inMemory { db in
            try db.execute("CREATE TABLE t(a UNIQUE)")
            try db.inTransaction {
                #expect(db.isInsideTransaction)
                try db.run("INSERT INTO t VALUES (1)")
            }
            #expect(throws: Stop.self) {
                try db.inTransaction {
                    try db.run("INSERT INTO t VALUES (2)")
                    throw Stop()
                }
            }
            #expect(!db.isInsideTransaction)
            #expect(throws: DatabaseError.self) {
                try db.inTransaction { try db.execute("INSERT INTO t VALUES (3); INSERT INTO t VALUES (1)") }
            }
            // What SQLite itself has rolled back is not rolled back again.
            let error = try refusal {
                try db.inTransaction {
                    try db.execute("INSERT INTO t VALUES (4); INSERT OR ROLLBACK INTO t VALUES (1)")
                }
            }
            #expect(error?.message == "UNIQUE constraint failed: t.a")
            #expect(!db.isInsideTransaction)
            #expect(try db.integer("SELECT count(*) FROM t") == 1)
        }
    }

    @Test("a COMMIT that is refused leaves nothing open")
    func refusedCommit() throws {
        try inMemory { db in
            try db.execute(
                """
                PRAGMA foreign_keys = ON; CREATE TABLE a(n INTEGER PRIMARY KEY);
                CREATE TABLE b(n REFERENCES a DEFERRABLE INITIALLY DEFERRED)
                """)
            let error = try refusal { try db.inTransaction { try db.run("INSERT INTO b VALUES (1)") } }
            #expect(error?.message == "FOREIGN KEY constraint failed")
            #expect(!db.isInsideTransaction)
            #expect(try db.integer("SELECT count(*) FROM b") == 0)
        }
    }

    @Test("a snapshot in which SQLite rolls back ends as any other")
    func snapshot() throws {
        let connection = try Connection.inMemory()
        try connection.perform("making") { try $0.execute("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1)") }
        #expect(throws: Refusal.self) {
            try connection.snapshot("reading") { try $0.run("INSERT OR ROLLBACK INTO t VALUES (1)") }
        }
        #expect(try connection.snapshot("reading") { try $0.integer("SELECT a FROM t") } == 1)
    }

    @Test("another's lock is waited for as long as was said")
    func patience() throws {
        let scratch = try Scratch()
        let file = scratch.file("db")
        let holder = try DatabaseQueue(path: file)
        let (hasty, patient) = (try DatabaseQueue(path: file), try DatabaseQueue(path: file, patience: .seconds(10)))
        let isHeld = DispatchSemaphore(value: 0)
        try holder.inDatabase { try $0.execute("CREATE TABLE t(a)") }
        let thread = Thread {
            try? holder.inDatabase { db in
                try db.inTransaction {
                    isHeld.signal()
                    usleep(300_000)
                }
            }
        }
        thread.start()
        isHeld.wait()
        let begin = "BEGIN IMMEDIATE TRANSACTION; ROLLBACK TRANSACTION"
        #expect(try refusal { try hasty.inDatabase { try $0.execute(begin) } }?.code == .busy)
        try patient.inDatabase { try $0.execute(begin) }
    }

    // MARK: Closing and interrupting

    @Test("closing lets go of the file at once, with all that was cached")
    func closing() throws {
        let scratch = try Scratch()
        let file = scratch.file("db")
        let queue = try DatabaseQueue(path: file)
        try queue.inDatabase { db in
            try db.execute("PRAGMA journal_mode = WAL; CREATE TABLE t(a)")
            try db.run("INSERT INTO t VALUES (1)")
            #expect(try db.integer("SELECT a FROM t") == 1)
        }
        #expect(openFiles(under: scratch.path) > 0)
        try queue.close()
        try queue.close()
        #expect(openFiles(under: scratch.path) == 0)
        #expect(!FileManager.default.fileExists(atPath: file + "-wal"))
    }

    @Test("a statement that is still held keeps its file open: it is not closed, or goes with the statement")
    func closingWhileHeld() throws {
        let scratch = try Scratch()
        var queue: DatabaseQueue? = try DatabaseQueue(path: scratch.file("db"))
        var statement = try queue?.inDatabase { db in
            try db.execute("CREATE TABLE t(a)")
            return try db.makeStatement("INSERT INTO t VALUES (1)")
        }
        #expect(try refusal { try queue?.close() }?.code == .busy)
        #expect(try queue?.inDatabase { try $0.integer("SELECT count(*) FROM t") } == 0)
        queue = nil
        #expect(openFiles(under: scratch.path) > 0)
        try statement?.execute()
        statement = nil
        #expect(openFiles(under: scratch.path) == 0)
    }

    private func openFiles(under directory: String) -> Int {
        let place = "/proc/self/fd/"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        let targets = names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: place + $0) }
        return targets.count { $0.hasPrefix(directory + "/") }
    }

    @Test("an interrupt ends a long statement, and only that", .timeLimit(.minutes(1)))
    func interrupting() throws {
        let queue = try DatabaseQueue()
        let isDone = Atomic<Bool>(false)
        let thread = Thread {
            while !isDone.load(ordering: .acquiring) {
                usleep(10_000)
                queue.interrupt()
            }
        }
        thread.start()
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        let error = try refusal { try queue.inDatabase { _ = try $0.integer(endless) } }
        isDone.store(true, ordering: .releasing)
        #expect(error?.code == .interrupt && error?.message == "interrupted")
        while !thread.isFinished { usleep(1000) }
        #expect(try queue.inDatabase { try $0.integer("SELECT 1") } == 1)
    }

    @Test("what is no longer wanted ends in the middle", .timeLimit(.minutes(1)))
    func unwanted() throws {
        try inMemory { db throws in
            var asked = 0
            #expect(throws: CancellationError.self) {
                try db.perform(while: {
                    asked += 1
                    return asked < 3
                }) {
                    _ = try db.integer(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
                }
            }
            #expect(asked == 3)
            #expect(try db.integer("SELECT 1") == 1)
        }
    }

    @Test("those who use one connection take turns")
    func turns() throws {
        let queue = try DatabaseQueue()
        try queue.inDatabase { try $0.execute("CREATE TABLE t(a); INSERT INTO t VALUES (0)") }
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<200 {
                queue.inDatabase { db in
                    guard let value = try? db.integer("SELECT a FROM t") else { return }
                    try? db.run("UPDATE t SET a = ?", [value + 1])
                }
            }
        }
        #expect(try queue.inDatabase { try $0.integer("SELECT a FROM t") } == 1600)
    }
}
