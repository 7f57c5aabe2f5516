import CSQLite
import Foundation
import MembusDice
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

@Suite("The index's file")
struct IndexFileTests {
    private func open(_ path: String, _ world: SearchedStore) throws -> SearchIndex {
        try SearchIndex(at: path, lineage: world.store.lineage, world.splitter)
    }

    private func run(_ sql: String, on path: String) {
        var connection: OpaquePointer?
        #expect(sqlite3_open(path, &connection) == SQLITE_OK)
        #expect(sqlite3_exec(connection, sql, nil, nil, nil) == SQLITE_OK, "\(sql)")
        sqlite3_close(connection)
    }

    /// A store whose index is written, in several rows.
    private func written(_ records: Int = 6) throws -> SearchedStore {
        let world = try SearchedStore()
        for number in 0..<records {
            try world.put("k\(number)x", "heron reed number\(number)")
            try world.follow(andWrite: true)
        }
        return world
    }

    @Test("what was written is there again, what was not is read again")
    func reopened() throws {
        let world = try written()
        try world.put("late", "heron")
        try world.follow()
        #expect(try world.found("heron").count == 7)
        try world.reopen()
        #expect(world.index.indexed.revision == 6 && world.index.versionCount == 6)
        #expect(try world.found("heron").count == 6)
        try world.follow()
        #expect(try world.found("heron").count == 7)
    }

    @Test("each word is found once at every moment of a flush")
    func halfFlushed() throws {
        let world = try SearchedStore()
        for number in 0..<400 { try world.put("k\(number)x", "heron zebra w\(number) v\(number)") }
        try world.follow()
        func check() throws {
            let page = try world.search(Search(question: "heron zebra aadvark", limit: 5, explains: true))
            #expect(page.found == 400 && page.terms.map(\.passages) == [400, 400, 0])
            #expect(try world.found("\"heron zebra\"").count == 400 && world.found("zebr*").count == 400)
            for number in [0, 211, 399] { #expect(try world.found("w\(number)") == ["k\(number)x"]) }
        }
        try check()
        var steps = 0
        while try world.index.step(from: world.reader, upTo: world.head, isIdle: true) {
            steps += 1
            try check()
        }
        #expect(steps > 3)
        try check()
        try world.reopen()
        try check()
    }

    @Test("of a flush that was not finished nothing is in the file")
    func killedInFlush() throws {
        let world = try written(2)
        for number in 0..<400 { try world.put("l\(number)x", "heron w\(number)") }
        try world.follow()
        let rows = "SELECT count(*) FROM postings WHERE term = CAST('heron' AS BLOB)"
        while try world.index.file.db.integer(rows) == 2 {
            _ = try world.index.step(from: world.reader, upTo: world.head, isIdle: true)
        }
        #expect(world.index.frozen != nil)
        try world.reopen()
        #expect(world.index.versionCount == 2 && world.index.indexed.revision == 2)
        #expect(try world.index.file.db.integer(rows) == 2)
        for isWritten in [false, true] {
            try world.follow(andWrite: isWritten)
            #expect(try world.found("heron").count == 402)
        }
    }

    @Test("a term that was written in more than sixteen pieces is whole")
    func joined() throws {
        let world = try written(40)
        #expect(try world.found("heron").count == 40 && world.found("\"heron reed\"").count == 40)
        let rows = try world.index.file.db.integer("SELECT count(*) FROM postings WHERE term = CAST('heron' AS BLOB)")
        #expect(try #require(rows) < 17)
        try world.reopen()
        #expect(try world.found("heron").count == 40 && world.found("\"heron reed\"").count == 40)
    }

    @Test("it takes another name with all that it holds")
    func moved() throws {
        let world = try written()
        world.index = try world.index.moved(to: world.scratch.file("there.db"))
        #expect(!FileManager.default.fileExists(atPath: world.scratch.file("search.db")))
        #expect(try world.found("heron").count == 6)
        try world.put("late", "heron")
        try world.follow(andWrite: true)
        try world.reopen()
        #expect(try world.found("heron").count == 7)
    }

    @Test(
        "one of another format, of another lineage, or no index at all is refused",
        arguments: [
            "PRAGMA user_version = 99", "UPDATE meta SET value = 5 WHERE key = 'lineage'", "DROP TABLE meta",
            "DROP TABLE postings", "DROP TABLE versions", "UPDATE meta SET value = 'x' WHERE key = 'revision'",
            "UPDATE meta SET value = 1 WHERE key = 'revision'", "PRAGMA user_version = 0",
        ])
    func refused(sql: String) throws {
        let world = try written()
        let copy = try world.copyOfFile("copy.db")
        run(sql, on: copy)
        #expect(throws: (any Error).self) {
            let index = try open(copy, world)
            _ = try index.step(from: world.reader, upTo: world.head, isIdle: false)
        }
    }

    @Test(
        "rows of versions that are damaged, lost or doubled are faults",
        arguments: [
            "UPDATE versions SET columns = CAST(substr(columns, 1, 4) || x'07' || substr(columns, 6) AS BLOB) WHERE first = 2",
            "UPDATE versions SET columns = substr(columns, 1, length(columns) - 1) WHERE first = 5",
            "DELETE FROM versions WHERE first = 3", "UPDATE versions SET first = 77 WHERE first = 5",
            "UPDATE versions SET columns = (SELECT columns FROM versions WHERE first = 1) WHERE first = 2",
        ])
    func damagedVersions(sql: String) throws {
        let world = try written()
        let copy = try world.copyOfFile("copy.db")
        run(sql, on: copy)
        #expect(throws: SearchFault.self) { try open(copy, world) }
    }

    @Test(
        "rows of postings that are damaged are faults once they are read",
        arguments: [
            "SET block = CAST(block || x'00' AS BLOB)", "SET first = first + 1", "SET span = span + 1",
            "SET sum = sum + 1",
            "SET places = NULL", "SET term = CAST('reed' AS BLOB), first = first + 60", "SET block = x''",
        ])
    func damagedPostings(sql: String) throws {
        let world = try written()
        let copy = try world.copyOfFile("copy.db")
        run("UPDATE postings \(sql) WHERE term = CAST('heron' AS BLOB) AND first = 5", on: copy)
        world.index = try open(copy, world)
        #expect(throws: SearchFault.self) {
            _ = try world.found("heron")
            _ = try world.found("reed")
        }
    }

    @Test(
        "rows of postings that are lost or stand under another term are found before anybody misses them",
        arguments: [
            "UPDATE postings SET term = CAST('herom' AS BLOB) WHERE term = CAST('heron' AS BLOB) AND first = 85",
            "DELETE FROM postings WHERE term = CAST('heron' AS BLOB) AND first = 85",
            "INSERT INTO postings SELECT term, first + 900, span, block, places, sum FROM postings WHERE first = 85",
        ])
    func lostPostings(sql: String) throws {
        let world = try written(90)
        #expect(try world.index.file.meta("rows") ?? 0 > 256)
        let copy = try world.copyOfFile("copy.db")
        world.index = try open(copy, world)
        try world.follow(andWrite: true)
        #expect(try world.found("heron").count == 90)
        run(sql, on: copy)
        world.index = try open(copy, world)
        #expect(throws: SearchFault.self) { try world.follow() }
    }

    @Test("all rows are counted, those that were joined and those of a flush that failed among them")
    func counted() throws {
        let world = try written(40)
        let rows = try world.index.file.db.integer("SELECT count(*) FROM postings")
        #expect(try world.index.file.meta("rows") == rows && world.index.table.rowCount == rows)
    }

    @Test("the log is short once a flush is written")
    func shortLog() throws {
        let world = try SearchedStore()
        for number in 0..<60 {
            try world.put("k\(number)x", (0..<3000).map { "w\($0 * 61 + number)" }.joined(separator: " "))
        }
        try world.follow(andWrite: true)
        var status = stat()
        #expect(stat(world.index.file.path + "-wal", &status) == 0 && status.st_size <= 4 << 20)
        #expect(world.index.bytes > 4 << 20)
    }

    @Test("pieces of a term that are damaged are not joined into sound ones")
    func damagedJoin() throws {
        let world = try written(12)
        let copy = try world.copyOfFile("copy.db")
        run(
            "UPDATE postings SET block = CAST(x'00' || x'18' AS BLOB) WHERE term = CAST('heron' AS BLOB) AND first = 4",
            on: copy)
        world.index = try open(copy, world)
        #expect(throws: SearchFault.self) {
            for number in 20..<60 {
                try world.put("k\(number)x", "heron")
                try world.follow(andWrite: true)
            }
            _ = try world.found("heron")
        }
    }

    @Test("an index that is ahead of the store, or of other commits, is a fault before it answers")
    func ahead() throws {
        let (world, other, younger) = (try written(), try SearchedStore(), try SearchedStore())
        for number in 0..<9 { try other.put("other\(number)", "stork") }
        for number in 0..<2 { try younger.put("k\(number)x", "heron reed number\(number)") }
        for store in [other, younger] {
            store.index = try open(try world.copyOfFile("copy.db"), store)
            #expect(throws: SearchFault.self) { try store.follow() }
        }
    }
}
