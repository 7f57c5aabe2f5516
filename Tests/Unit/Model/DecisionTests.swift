import Foundation
import MembusModel
import Testing

@Suite("Decisions")
struct DecisionTests {
    /// The state after revision 41.
    let facts = { (records: [Record], changed: [Int: Record]) in
        Facts(
            now: Timestamp(milliseconds: 5_000), agent: "ada", head: Position(revision: 41, hash: 7),
            heads: Dictionary(uniqueKeysWithValues: records.map { ($0.key, $0) }), changed: changed)
    }

    func decided(
        _ changes: [Change], if preconditions: [Precondition] = [], on records: Record..., changed: [Int: Record] = [:]
    ) -> Decision {
        decide(Transaction(preconditions: preconditions, changes: changes), on: facts(records, changed))
    }
    func written(_ decision: Decision) throws -> [Record] {
        guard case .write(let records) = decision else { throw Unexpected(decision: "\(decision)") }
        return records
    }
    func refusal(_ decision: Decision) throws -> Refusal {
        guard case .refused(let failure) = decision else { throw Unexpected(decision: "\(decision)") }
        return failure
    }
    func conflict(_ decision: Decision) throws -> [FailedPrecondition] {
        guard case .conflict(let failed) = decision else { throw Unexpected(decision: "\(decision)") }
        return failed
    }
    struct Unexpected: Error { let decision: String }
    func put(_ name: String, _ value: String = "v", kind: Kind = .text, expiry: Put.Expiry = .never) -> Change {
        Change(key(name), .put(Put(Data(value.utf8), kind: kind, expiry: expiry)))
    }
    func json(_ value: String, owner: String = "bob") -> Record {
        Record(
            key: key("plan"), revision: 3, kind: .json, content: .inline(Data(value.utf8)), attributes: ["a": "b"],
            links: [Link(relation: "of", target: key("trip"))], owner: owner, expires: Timestamp(milliseconds: 9_000))
    }

    @Test("versions take the next revision and ordinals in order of the changes")
    func ordinals() throws {
        let records = try written(decided([put("b"), put("a"), Change(key("c"), .increment(1))]))
        #expect(records.map(\.key.text) == ["b", "a", "c"])
        #expect(records.map(\.revision) == [42, 42, 42])
        #expect(records.map(\.ordinal) == [0, 1, 2])
        #expect(records.map(\.owner) == ["ada", "ada", "ada"])
    }

    @Test("a precondition at a revision holds only for a live version of that revision")
    func atRevision() throws {
        let live = text("k", at: 7)
        #expect(try written(decided([put("k")], if: [.at(key("k"), 7)], on: live)).count == 1)
        let failed = try conflict(decided([put("k")], if: [.at(key("k"), 6)], on: live))
        #expect(failed.map(\.revision) == [7] && failed[0].current == live)
        let deleted = Record.deletion(of: key("k"), revision: 7)
        let gone = try conflict(decided([put("k")], if: [.at(key("k"), 7)], on: deleted))
        #expect(gone[0].revision == 7 && gone[0].current == nil)
    }

    @Test("revision 0, absence and a deletion mean the same")
    func absence() throws {
        let deleted = Record.deletion(of: key("k"), revision: 7)
        for precondition in [Precondition.at(key("k"), 0), .absent(key("k"))] {
            #expect(try written(decided([put("k")], if: [precondition])).count == 1)
            #expect(try written(decided([put("k")], if: [precondition], on: deleted)).count == 1)
            #expect(try conflict(decided([put("k")], if: [precondition], on: text("k", at: 7)))[0].revision == 7)
        }
    }

    @Test("every precondition that failed is answered, and nothing is written")
    func allFailures() throws {
        let failed = try conflict(
            decided(
                [put("x")],
                if: [
                    .at(key("a"), 1), .absent(key("b")), .at(key("c"), 9), .unchanged(Topic(unchecked: "d/"), since: 5),
                ],
                on: text("a", at: 1), text("b", at: 2), changed: [3: text("d/e", at: 6)]))
        #expect(failed.map(\.key.text) == ["b", "c", "d/e"])
        #expect(failed.map(\.revision) == [2, 0, 6])
        #expect(failed[2].precondition == .unchanged(Topic(unchecked: "d/"), since: 5))
    }

    @Test("a conflict comes before what is wrong with a change")
    func conflictFirst() throws {
        #expect(try conflict(decided([put("k", "{", kind: .json)], if: [.at(key("k"), 3)])).count == 1)
    }

    @Test("a topic required unchanged since a revision to come is refused")
    func futurePrecondition() throws {
        let failure = try refusal(decided([put("k")], if: [.unchanged(.everything, since: 42)]))
        #expect(failure.code == .beyondHead)
    }

    @Test("preconditions alone, and deletions of nothing, are held")
    func held() throws {
        for decision in [
            decided([], if: [.absent(key("k"))]), decided([Change(key("k"), .delete)]),
            decided([Change(key("k"), .delete)], on: .deletion(of: key("k"), revision: 3)),
        ] {
            guard case .held = decision else { throw Unexpected(decision: "\(decision)") }
        }
        let records = try written(decided([Change(key("gone"), .delete), put("k")]))
        #expect(records.map(\.key.text) == ["k"] && records[0].ordinal == 0)
    }

    @Test("a deletion leaves a version of its own")
    func deletion() throws {
        let records = try written(decided([Change(key("k"), .delete)], on: text("k", at: 3)))
        #expect(records == [.deletion(of: key("k"), revision: 42)])
    }

    @Test("a key changed twice in one transaction is refused")
    func twice() throws {
        let failure = try refusal(decided([put("k"), put("j"), Change(key("k"), .delete)]))
        #expect(failure.code == .invalidArgument && failure.subject == "k")
    }

    @Test(
        "values must be what their kind says",
        arguments: [
            (Kind.json, "{\"a\":1}", true), (.json, "{\"a\":01}", false), (.counter, "-12", true),
            (.counter, "9223372036854775808", false),
            (.counter, "+1", false), (.counter, "", false), (.text, "é", true), (Kind("mine"), "{", true),
        ])
    func kinds(kind: Kind, value: String, valid: Bool) throws {
        let decision = decided([put("k", value, kind: kind)])
        if valid { _ = try written(decision) } else { #expect(try refusal(decision).code == .invalidValue) }
    }

    @Test("text must be UTF-8, other kinds may be any bytes")
    func utf8() throws {
        let bytes = Data([0xFF, 0xC3])
        #expect(try refusal(decided([Change(key("k"), .put(Put(bytes)))])).code == .invalidValue)
        #expect(try written(decided([Change(key("k"), .put(Put(bytes, kind: Kind("image"))))]))[0].value == bytes)
        #expect(try refusal(decided([Change(key("k"), .append(bytes))], on: text("k", at: 1))).code == .invalidValue)
    }

    @Test("expiry counts from the commit, and never past the end of time")
    func expiry() throws {
        let records = try written(
            decided([
                put("a", expiry: .after(.seconds(2))), put("b", expiry: .at(Timestamp(milliseconds: 8))),
                put("c", expiry: .after(.nanoseconds(1))), put("d", expiry: .after(.seconds(Int64.max))), put("e"),
            ]))
        #expect(records.map { $0.expires?.milliseconds }.prefix(3) == [7_000, 8, 5_001])
        #expect(records[3].expires.map { $0.milliseconds > 1 << 60 } == true)
        #expect(records[4].expires == nil)
    }

    @Test("counters start from 0 and refuse to overflow")
    func increments() throws {
        func incremented(_ old: String?, by amount: Int64) -> Decision {
            let record = Record(key: key("n"), revision: 2, kind: .counter, content: .inline(Data((old ?? "").utf8)))
            return old == nil
                ? decided([Change(key("n"), .increment(amount))])
                : decided([Change(key("n"), .increment(amount))], on: record)
        }
        #expect(try written(incremented(nil, by: -3))[0].count == -3)
        #expect(try written(incremented("40", by: 2))[0].count == 42)
        #expect(try refusal(incremented("9223372036854775807", by: 1)).code == .invalidValue)
        #expect(
            try written(decided([Change(key("n"), .increment(5))], on: .deletion(of: key("n"), revision: 2)))[0].count
                == 5)
    }

    @Test(
        "a merge into a record of another kind is refused",
        arguments: [
            Change.Action.increment(1), .append(Data("x".utf8)), .mergePatch(Data("{}".utf8)),
        ])
    func wrongKind(action: Change.Action) throws {
        let record = Record(key: key("k"), revision: 2, kind: Kind("mine"))
        let failure = try refusal(decided([Change(key("k"), action)], on: record))
        #expect(failure.code == .wrongKind && failure.subject == "k")
    }

    @Test("merges leave attributes, links, owner and expiry as they are")
    func mergesKeep() throws {
        let old = json(#"{"stay": {"nights": 2}, "id": 9007199254740993}"#)
        let record = try written(
            decided([Change(key("plan"), .mergePatch(Data(#"{"stay":{"city":"Paris"}}"#.utf8)))], on: old))[0]
        #expect(record.text == #"{"stay":{"nights":2,"city":"Paris"},"id":9007199254740993}"#)
        #expect(record.attributes == old.attributes && record.links == old.links)
        #expect(record.owner == "bob" && record.expires == old.expires && record.revision == 42)
    }

    @Test("appends and patches start from the empty text and the empty object")
    func mergesStart() throws {
        let records = try written(
            decided([
                Change(key("log"), .append(Data("one\n".utf8))),
                Change(key("plan"), .mergePatch(Data(#"{"a":1,"b":null}"#.utf8))),
            ]))
        #expect(records.map(\.text) == ["one\n", #"{"a":1}"#])
        #expect(records.map(\.kind) == [.text, .json])
        #expect(
            try written(decided([Change(key("log"), .append(Data("b".utf8)))], on: text("log", "a", at: 1)))[0].text
                == "ab")
    }

    @Test("a merge whose result exceeds the value limit is refused with the figures")
    func mergedLimit() throws {
        var facts = facts([text("log", "12345678", at: 1)], [:])
        facts.limits.valueBytes = 10
        let failure = try refusal(
            decide(Transaction(changes: [Change(key("log"), .append(Data("abc".utf8)))]), on: facts))
        #expect(
            failure.code == .limitExceeded && failure.message.contains("11 bytes")
                && failure.message.contains("valueBytes of 10"))
    }

    @Test("a patch that is no JSON is refused")
    func badPatch() throws {
        #expect(try refusal(decided([Change(key("p"), .mergePatch(Data("{a:1}".utf8)))])).code == .invalidValue)
    }

    @Test("needs name what the decision looks at, values only where they count")
    func needs() {
        let transaction = Transaction(
            preconditions: [.at(key("a"), 1), .unchanged(Topic(unchecked: "t/"), since: 4), .absent(key("d"))],
            changes: [put("p"), Change(key("d"), .delete), Change(key("e"), .delete), Change(key("i"), .increment(1))])
        #expect(transaction.needs.keys == [key("a"): true, key("d"): true, key("e"): false, key("i"): true])
        #expect(transaction.needs.topics.map(\.index) == [1])
        #expect(transaction.needs.topics.map(\.since) == [4])
    }
}
