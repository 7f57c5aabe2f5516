import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusSQL

@Suite("SQL that must not work")
struct BadQueryTests {
    private static func small() throws -> AskedStore {
        let world = try AskedStore()
        try world.put("a", "1")
        return world
    }

    @Test(
        "what does not read is refused",
        arguments: [
            "INSERT INTO records(key) VALUES ('x')", "DELETE FROM records", "UPDATE records SET value = 1",
            "CREATE TABLE x(y)", "CREATE TEMP TABLE x(y)", "CREATE VIEW v AS SELECT 1", "DROP TABLE records",
            "CREATE VIRTUAL TABLE f USING fts5(x)", "CREATE VIRTUAL TABLE r USING records", "ATTACH ':memory:' AS x",
            "ATTACH '/etc/passwd' AS x", "DETACH main", "PRAGMA temp_store = MEMORY", "PRAGMA table_info(records)",
            "VACUUM", "VACUUM INTO '/tmp/x'", "BEGIN", "COMMIT", "SAVEPOINT x", "ANALYZE", "REINDEX",
            "SELECT * FROM pragma_table_info('records')", "SELECT * FROM pragma_database_list",
            "SELECT * FROM sqlite_schema", "SELECT * FROM sqlite_master", "SELECT * FROM sqlite_temp_master",
            "SELECT load_extension('/tmp/x.so')", "SELECT readfile('/etc/passwd')", "SELECT writefile('/tmp/x', 'y')",
            "SELECT edit('x')", "SELECT fts3_tokenizer('simple')", "SELECT * FROM dbstat",
            "SELECT * FROM fts3tokenize('x')",
            "SELECT membus_unseen(NULL, 'x')", "SELECT * FROM main.sqlite_dbpage", "EXPLAIN DELETE FROM records",
            "WITH x AS (SELECT 1) DELETE FROM records",
        ])
    func noWrites(text: String) throws {
        let world = try Self.small()
        #expect(try world.refusal(text).code == .invalidArgument, "\(text)")
        #expect(try world.rows("SELECT key, value FROM records") == ["a 1"])
    }

    @Test(
        "what is no statement of ours is told in SQLite's words, with the place",
        arguments: [
            ("SELEC 1", "line 1, column 1"), ("SELECT key FORM records x", "line 1, column"),
            ("SELECT key,\n  nothing FROM records", "line 2, column 3"),
            ("SELECT * FROM nowhere", "no such table: nowhere"),
            ("SELECT unknown(1)", "no such function"), ("SELECT 'open", "unrecognized token"),
            ("SELECT (", "incomplete input"),
            ("SELECT ?", "parameter"), ("SELECT :x", "parameter"), ("SELECT 1; SELECT 2", "more than one"),
            ("SELECT 1; x", "syntax error"), ("", "no statement"), (" -- nothing\n/* here */ ;", "no statement"),
            ("SELECT 1\0; DROP TABLE x", "NUL at byte 8"), ("SELECT \"unknown\" FROM records", "no such column"),
        ])
    func broken(text: String, words: String) throws {
        let refusal = try Self.small().refusal(text)
        #expect(refusal.code == .invalidArgument)
        #expect(refusal.message.contains(words), "\(refusal.message)")
    }

    @Test("a statement may end with semicolons and comments")
    func trailing() throws {
        #expect(try Self.small().rows("SELECT key FROM records; ; -- all\n/* of it") == ["a"])
    }

    @Test("a table of the query's own shadows one of ours in that query alone")
    func shadows() throws {
        let world = try Self.small()
        #expect(try world.rows("WITH records(key) AS (SELECT 'mine') SELECT key FROM records") == ["mine"])
        #expect(
            try world.rows("WITH records AS (SELECT key || '!' AS key FROM main.records) SELECT key FROM records") == [
                "a!"
            ])
        #expect(try world.rows("SELECT key FROM records") == ["a"])
        #expect(
            try world.refusal("WITH sqlite_schema AS (SELECT * FROM main.sqlite_schema) SELECT * FROM sqlite_schema")
                .code == .invalidArgument)
    }

    @Test(
        "a time is told as people say it",
        arguments: [
            (Duration.nanoseconds(1_998_939_330), "2 seconds"), (.milliseconds(1), "1 ms"),
            (.milliseconds(949), "949 ms"),
            (.milliseconds(950), "1 second"), (.nanoseconds(999_999_999), "1 second"),
            (.milliseconds(1450), "1.5 seconds"),
            (.milliseconds(1449), "1.4 seconds"), (.seconds(30), "30 seconds"),
        ])
    func times(time: Duration, told: String) { #expect(time.told == told) }

    @Test("NULL is to printf() what SQLite documents")
    func formats() throws {
        let world = try Self.small()
        #expect(
            try world.ask("SELECT printf('%s', NULL), printf('%d', NULL), printf('%s')").rows == [
                [.text(""), .text("0"), .text("")]
            ])
        #expect(try world.rows("SELECT printf('%q %Q', NULL, NULL), typeof(printf(NULL))") == ["(NULL) NULL null"])
    }

    @Test(
        "what goes on for ever ends at the deadline",
        arguments: [
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
            "SELECT count(*) FROM records a, records b, records c, records d, records e, records f",
            "SELECT count(*) FROM records a JOIN records b ON a.value < b.value JOIN changes c ON c.value < b.value",
            "SELECT count(*) FROM records a, records b WHERE b.key LIKE '%' || a.value || '%' AND b.key > ''",
        ])
    func deadline(text: String) throws {
        let world = try AskedStore()
        try world.commit((0..<900).map { Change(Key(unchecked: "k\($0)"), .put(Put(Data("\($0)".utf8)))) })
        var limits = SQLLimits.roomy
        limits.time = .milliseconds(100)
        let began = ContinuousClock.now
        let refusal = try world.refusal(text, limits: limits)
        #expect(refusal.code == .deadlineExceeded)
        #expect(began.duration(to: .now) < .seconds(5))
        #expect(try world.rows("SELECT count(*) FROM records") == ["900"])
    }

    @Test("a query ends when whoever asked leaves")
    func cancelled() throws {
        let cancellation = SQLCancellation()
        Thread.detachNewThread {
            Thread.sleep(forTimeInterval: 0.05)
            cancellation.cancel()
        }
        let world = try Self.small()
        let refusal = try world.refusal(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
            cancellation: cancellation)
        #expect(refusal.code == .busy)
    }

    @Test("a sort that does not fit is refused once its temporary files are as large as they may be")
    func temporaryFiles() throws {
        let world = try Self.small()
        var limits = SQLLimits.roomy
        limits.temporaryBytes = 4 << 20
        let sort = """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)
            SELECT i FROM n ORDER BY hex(randomblob(300)), i LIMIT 1 OFFSET 19999
            """
        let refusal = try world.refusal(sort, limits: limits)
        #expect(refusal.code == .limitExceeded)
        #expect(refusal.subject == "temporary files")
        limits.temporaryBytes = 64 << 20
        #expect(try world.ask(sort, limits: limits).rows.count == 1)
        let queue =
            """
            WITH RECURSIVE n(t) AS (
              SELECT hex(randomblob(5000)) UNION SELECT hex(randomblob(5000)) FROM n LIMIT 2000)
            SELECT count(*) FROM n
            """
        limits.temporaryBytes = 4 << 20
        #expect(try world.refusal(queue, limits: limits).subject == "temporary files")
    }

    @Test("values that are too large, or take too much memory together, are refused")
    func large() throws {
        let world = try Self.small()
        #expect(try world.refusal("SELECT zeroblob(100000000)").code == .limitExceeded)
        #expect(try world.refusal("SELECT hex(zeroblob(10000000))").code == .limitExceeded)
        #expect(
            try world.refusal("SELECT replace(hex(zeroblob(1000000)), '00', 'a long text that is longer')").code
                == .limitExceeded)
        let many = (0..<30).map { "group_concat(x || \($0), '')" }.joined(separator: ", ")
        let refusal = try world.refusal(
            """
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 15),
              t(x) AS (SELECT hex(zeroblob(500000)) FROM n)
            SELECT \(many) FROM t
            """, limits: SQLLimits())
        #expect(refusal.code == .limitExceeded)
        #expect(refusal.subject == "memory")
    }

    @Test("texts that are too long, too deep or too wide are refused, and a long one is read")
    func shapes() throws {
        let world = try Self.small()
        let long = String(repeating: "x", count: 1 << 20)
        #expect(try world.refusal("SELECT '\(long)'").code == .limitExceeded)
        #expect(try world.ask("SELECT length('\(long.dropLast(100))')").rows == [[.integer(1_048_476)]])
        let sum = Array(repeating: "1", count: 5000).joined(separator: "+")
        #expect(try world.refusal("SELECT \(sum)").code == .invalidArgument)
        let brackets = String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000)
        #expect(try world.refusal("SELECT \(brackets)").code == .invalidArgument)
        let union = Array(repeating: "SELECT 1", count: 500).joined(separator: " UNION ALL ")
        #expect(try world.refusal(union).code == .invalidArgument)
        let columns = Array(repeating: "1", count: 3000).joined(separator: ",")
        #expect(try world.refusal("SELECT \(columns)").code == .invalidArgument)
        let joins = Array(repeating: "records", count: 70).enumerated().map { "\($1) r\($0)" }.joined(separator: ",")
        #expect(try world.refusal("SELECT 1 FROM \(joins)").code == .invalidArgument)
    }

    @Test("tables that double at each step are refused before they are written out")
    func doubling() throws {
        let world = try Self.small()
        func doubled(_ count: Int, _ last: String = "SELECT count(*) FROM") -> String {
            let tables = (1...count).map { "\"C\($0)\" AS (SELECT 1 FROM c\($0 - 1) x, /* , */ [c\($0 - 1)] AS y)" }
            return "WITH c0(x) AS NOT MATERIALIZED (SELECT 1), \(tables.joined(separator: ", ")) \(last) c\(count)"
        }
        let began = ContinuousClock.now
        #expect(try world.refusal(doubled(40)).code == .limitExceeded)
        #expect(began.duration(to: .now) < .seconds(2))
        #expect(try world.rows(doubled(5)) == ["1"])
        let chain = (1...60).map { "c\($0) AS (SELECT x FROM c\($0 - 1))" }.joined(separator: ", ")
        #expect(try world.rows("WITH c0(x) AS (SELECT 7), \(chain) SELECT c60.x FROM c60") == ["7"])
    }

    @Test("functions that compare at every place take no longer for it")
    func slowFunctions() throws {
        let world = try Self.small()
        let began = ContinuousClock.now
        #expect(try world.rows("SELECT instr(zeroblob(8000000), zeroblob(4000000) || x'01')") == ["0"])
        #expect(
            try world.rows("SELECT length(replace(hex(zeroblob(2000000)), hex(zeroblob(1000000)) || '1', 'x'))")
                == ["4000000"])
        #expect(try world.refusal("SELECT trim(hex(zeroblob(2000000)), hex(zeroblob(1000)))").code == .invalidArgument)
        #expect(began.duration(to: .now) < .seconds(5))
    }

    @Test("the functions that are replaced give what SQLite's give")
    func replaced() throws {
        let world = try Self.small()
        let expected = [
            "instr('héllo', 'l')": "3", "instr('abc', '')": "1", "instr('', 'a')": "0", "instr(x'6162', x'62')": "2",
            "instr('é', x'a9')": "0", "instr(NULL, 'a')": "null", "instr(123, 2)": "2",
            "replace('aXbXX', 'X', '--')": "a--b----",
            "replace('abc', '', 'x')": "abc", "replace('abc', 'abc', '')": "", "replace(NULL, 'a', 'b')": "null",
            "replace(1213, 1, 7)": "7273", "trim('  a b ')": "a b", "ltrim('  a ')": "a ", "rtrim(' a  ')": " a",
            "trim('éxaxé', 'xé')": "a", "trim('aaa', 'a')": "", "trim('abc', '')": "abc", "trim(NULL)": "null",
        ]
        for (expression, value) in expected where !(expression.contains("x'a9'")) {
            #expect(try world.rows("SELECT \(expression)") == [value], "\(expression)")
        }
    }

    @Test("more rows, or larger ones, than are asked for are cut, and the answer says so")
    func cut() throws {
        let world = try AskedStore()
        try world.commit((0..<50).map { Change(Key(unchecked: "k\($0)"), .put(Put(Data(repeating: 65, count: 1000)))) })
        var limits = SQLLimits.roomy
        limits.rows = 50
        let whole = try world.ask("SELECT value FROM records", limits: limits)
        #expect((whole.rows.count, whole.isCut) == (50, false))
        limits.rows = 49
        let cut = try world.ask("SELECT value FROM records", limits: limits)
        #expect((cut.rows.count, cut.isCut) == (49, true))
        limits.resultBytes = 10_500
        let small = try world.ask("SELECT value FROM records", limits: limits)
        #expect((small.rows.count, small.isCut) == (10, true))
        limits.rows = 0
        let none = try world.ask("SELECT value FROM records", limits: limits)
        #expect((none.rows.count, none.isCut, none.columns) == (0, true, ["value"]))
    }

    @Test("what the search throws comes out as it was thrown")
    func failingSearch() throws {
        let refusal = try Self.small().refusal("SELECT * FROM search('x')") { _, _ in
            throw Refusal(.notYetVisible, "the index lags")
        }
        #expect(refusal.code == .notYetVisible)
    }

    @Test("bytes of any kind, as a query, are answered or refused", arguments: 0..<40)
    func noise(seed: UInt64) throws {
        let words = [
            "SELECT", "FROM", "records", "changes", "links", "search", "(", ")", "'", "\"", "*", ",", "WHERE", "key",
            "=",
            "LIKE", "'a%'", "GLOB", "'a*'", "AS", "WITH", "x", ".", ";", "--", "/*", "[", "]", "\u{0}", "é", "1",
            "NULL",
            "ORDER BY", "GROUP BY", "LIMIT", "UNION", "value", "revision", ">", "<", "NOT", "IN", "OVER", "?",
        ]
        var dice = Dice(state: seed)
        let world = try Self.small()
        var limits = SQLLimits.roomy
        limits.time = .milliseconds(200)
        for _ in 0..<60 {
            let text = (0..<(1 + dice.roll(14))).map { _ in words[dice.roll(words.count)] }.joined(separator: " ")
            do { _ = try world.ask("SELECT " + text, limits: limits) } catch is Refusal {}
        }
        #expect(try world.rows("SELECT key FROM records") == ["a"])
    }
}
