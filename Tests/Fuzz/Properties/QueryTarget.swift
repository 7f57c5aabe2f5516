import Foundation
import MembusModel
import MembusSQL

@testable import MembusStore

// SQL that people and agents write, asked of a small store: any text gives rows within the limits, or is refused with a
// reason that is the query's own; the store stays as it was; and what was asked of a state is the same once there are newer
// ones.

extension FuzzTarget {
    static let query = FuzzTarget(name: "query", check: checkQuery, seeds: querySeeds, mutations: 5)
}

private func checkQuery(_ bytes: [UInt8]) throws {
    let text = String(decoding: bytes, as: UTF8.self)
    let world = try QueriedStore()
    let before = try world.reader.rows()
    let (head, first) = (world.writer.head, try world.ask(text))
    try require(try world.reader.rows() == before, "the store has changed")
    try world.commit([
        Change(Key(unchecked: "plans/rome"), .put(Put(Data("by boat".utf8)))),
        Change(Key(unchecked: "people/ada"), .delete),
    ])
    guard isSettled(text), case .success(let first) = first else { return }
    let second: SQLResult
    switch try world.ask(text, at: head) {
    case .success(let result): second = result
    // Nobody knows how fast the machine is.
    case .failure(let refusal) where refusal.code == .deadlineExceeded: return
    case .failure(let refusal): throw Violation("refused once there is a newer state: \(refusal)")
    }
    try require(first.at == head && second.at == head, "it was asked of another state")
    try require(first.columns == second.columns, "other columns once there is a newer state")
    if first.isCut { return }
    try require(
        first.rows.map(\.description).sorted() == second.rows.map(\.description).sorted(),
        "other rows once there is a newer state: \(first.rows.prefix(5)), \(second.rows.prefix(5))")
}

/// Whether its answer hangs on the state alone: not on chance, the time, or the order of what has none.
private func isSettled(_ text: String) -> Bool {
    let lower = text.lowercased()
    return !["random", "now", "current", "date", "time", "limit", "group", "first", "last", "over", "row", "changes("]
        .contains { lower.contains($0) }
}

private struct QueriedStore {
    let store: Store
    let writer: Writer
    let reader: Reader
    private let session = SessionID(4)

    init() throws {
        store = try Store.inMemory(newLineage: 7)
        (writer, reader) = (try store.makeWriter(), try store.makeReader())
        _ = try writer.write([.openSession(session, agent: "ada")], at: Timestamp(milliseconds: 1_000_000))
        let trial = BranchName(unchecked: "trial")
        let link = Link(relation: "of", target: Key(unchecked: "people/ada"))
        try commit([
            Change(
                Key(unchecked: "plans/paris"),
                .put(Put(Data("night train".utf8), attributes: ["by": "ada"], links: [link]))),
            Change(Key(unchecked: "n"), .increment(3)),
        ])
        try commit([
            Change(Key(unchecked: "people/ada"), .put(Put(Data(#"{"city":"Paris","x":[1,2]}"#.utf8), kind: .json))),
            Change(Key(unchecked: "blob"), .put(Put(Data([0, 255, 0]), kind: Kind("bytes")))),
        ])
        try write(.fork(Fork(name: trial)))
        try commit([Change(Key(unchecked: "plans/paris"), .delete)], on: trial)
        try commit([Change(Key(unchecked: "plans/paris"), .put(Put(Data("by day".utf8))))])
        try write(.tag(TagChange(TagName(unchecked: "v1"), .create(branch: .main, at: nil))))
    }

    private func write(_ work: Work) throws {
        let number = UInt64(writer.head.revision + 1)
        let request = Transact(session: session, number: number, acknowledged: number - 1, work: .success(work))
        let written = try writer.write(
            [.transact(request, fingerprint: work.fingerprint)], at: Timestamp(milliseconds: 1_000_000))
        guard case .outcome = written.results.last else {
            throw Violation("the store takes no work: \(written.results)")
        }
    }

    func commit(_ changes: [Change], on branch: BranchName = .main) throws {
        try write(
            .transaction(
                Transaction(
                    branch: branch, context: "trip", message: "noted", changes: changes,
                    reads: [ReadVersion(key: Key(unchecked: "people/ada"), version: 0)])))
    }

    func ask(_ text: String, at position: Position? = nil) throws -> Result<SQLResult, Refusal> {
        var limits = SQLLimits()
        limits.rows = 50
        limits.resultBytes = 1 << 16
        limits.time = .milliseconds(200)
        limits.valueBytes = 1 << 20
        limits.textBytes = 1 << 16
        limits.temporaryBytes = 4 << 20
        let began = ContinuousClock.now
        let result: SQLResult
        do throws(Refusal) {
            result = try reader.answer(
                SQLQuery(text, on: .main, at: position, limits: limits), visible: writer.head.revision, search: search)
        } catch {
            try check(error)
            return .failure(error)
        }
        try require(!result.columns.isEmpty, "an answer without columns")
        try require(result.rows.count <= limits.rows, "\(result.rows.count) rows")
        try require(result.rows.allSatisfy { $0.count == result.columns.count }, "rows of another width")
        try require(
            began.duration(to: .now) < .seconds(5), "an answer after \(began.duration(to: .now)) instead of 200 ms")
        return .success(result)
    }

    private func search(_ question: String, _ k: Int) throws -> [SQLFound] {
        if question.isEmpty { throw Refusal(.invalidArgument, "nothing is asked") }
        return ["plans/paris", "people/ada"].prefix(max(0, k)).map {
            SQLFound(key: $0, score: 1, revision: 2, passage: "night")
        }
    }

    private func check(_ refusal: Refusal) throws {
        try requireClear(refusal.message, "\(refusal.code)")
        try requireClear(refusal.hint, "\(refusal.code)")
        let isItsOwn = [.invalidArgument, .limitExceeded, .deadlineExceeded].contains(refusal.code)
        try require(isItsOwn, "\(refusal.code) is not of the query's making: \(refusal)")
        try require(
            refusal.message == refusal.message.escapingControlCharacters,
            "control characters of a stranger: \(refusal.message)")
    }
}

private func querySeeds() throws -> [[UInt8]] {
    [
        "SELECT * FROM records", "SELECT key, value FROM records WHERE key LIKE 'plans/%' ORDER BY revision DESC",
        "SELECT r.key, l.target FROM records r JOIN links l ON l.source = r.key WHERE l.relation = 'of'",
        "SELECT * FROM commits WHERE revision BETWEEN 2 AND 4", "SELECT * FROM changes WHERE key = 'plans/paris'",
        "SELECT agent, topic, version FROM reads WHERE key >= 'a'", "SELECT * FROM branches, tags",
        "SELECT key, score FROM search('night train', 3) WHERE score > 0.5",
        "SELECT key, json_extract(value, '$.city') FROM records WHERE kind = 'json'",
        "SELECT e.key, e.value FROM records r, json_each(r.attributes) e",
        "SELECT count(*), max(size), hex(value) FROM records",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n",
        "WITH a AS (SELECT 1), b AS (SELECT * FROM a, a), c AS (SELECT * FROM b, b) SELECT * FROM c, c",
        "SELECT key FROM records WHERE key IN ('n', 'blob') UNION SELECT source FROM links EXCEPT SELECT 'n' -- all",
        "SELECT key, row_number() OVER (PARTITION BY kind ORDER BY key) FROM records",
        "INSERT INTO records(key) VALUES ('x')",
        "PRAGMA table_info(records)", "SELECT printf('%.*c', 100000, 'x'), zeroblob(9999999), replace('a', '', 'b')",
        "SELECT ?1, :x; SELECT 2", "SELECT \"\u{1}\u{85}\", 'not closed", "EXPLAIN QUERY PLAN SELECT * FROM records",
        "SELECT key FROM records WHERE revision > -9223372036854775808 AND revision <= 9e99 AND branch = x'00'",
        "SELECT key FROM records WHERE key > 'n' AND key < x'6F' AND key GLOB 'p[a-z]*' AND key IS NOT NULL",
        "ATTACH '/etc/passwd' AS x", "SELECT * FROM sqlite_schema", "SELECT value FROM records ORDER BY random()",
    ].map { Array($0.utf8) }
}
