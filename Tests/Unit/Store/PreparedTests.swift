import CSQLite
import Foundation
import Testing

@testable import MembusStore

@Suite("A statement that is run over and over")
struct PreparedTests {
    @Test("what SQLite does not bind is refused, and nothing of it is written then or later")
    func tooLong() throws {
        try Connection.inMemory().perform("trying") { db in
            try db.execute("CREATE TABLE texts(number INTEGER, text TEXT) STRICT")
            sqlite3_limit(db.sqliteConnection, SQLITE_LIMIT_LENGTH, 1000)
            var insertion = try Prepared(db, "INSERT INTO texts VALUES (?, ?)")
            for (number, length) in [(1, 10), (2, 5000), (3, 20)] {
                insertion.bind(Int64(number))
                insertion.bind(String(repeating: "x", count: length))
                do {
                    try insertion.run()
                    #expect(length < 1000)
                } catch let error as DatabaseError {
                    #expect(length > 1000)
                    #expect(error.code == .tooBig)
                }
            }
            insertion.bind(4)
            insertion.bindNull()
            try insertion.run()
            let rows = try db.rows("SELECT number, length(text) FROM texts ORDER BY number")
            var (numbers, lengths): ([Int], [Int?]) = ([], [])
            while let row = try rows.next() {
                numbers.append(try row[0])
                lengths.append(try row[1])
            }
            #expect(numbers == [1, 3, 4])
            #expect(lengths == [10, 20, nil])
        }
    }
}
