import Foundation
import Testing

@testable import Membus

@Suite("Records in as many requests as their size asks for")
struct KeysInPartsTests {
    private func part(_ records: [Record], at position: Position = at(9)) -> Reply.Body {
        .records(Get.Answer(at: position, records: records))
    }
    private func reading(_ keys: String...) -> KeysInParts {
        KeysInParts(keys.map { key($0) }, branch: .main, at: nil)
    }

    @Test("the rest is asked for as of the state of the first part, and all come in the order of the keys")
    func parts() throws {
        var reading = reading("a", "b", "c")
        #expect(try reading.begin().get().at == nil)
        let rest = try reading.answered(part([record("a", 3), record("b", 4)])).get()
        #expect(rest.keys == [key("c")] && rest.at == at(9))
        let fetched = try reading.answered(part([.deletion(of: key("c"), revision: 0)])).handed()
        #expect(fetched.records.map(\.key) == [key("a"), key("b"), key("c")])
        #expect(fetched.token == Token(lineage: Lineage(1), position: at(9)))
    }

    @Test("more keys than a request may name are asked for one request's worth at a time")
    func many() throws {
        let keys = (0...KeysInParts.mostKeys).map { key("k/\($0)") }
        var reading = KeysInParts(keys, branch: .main, at: at(9))
        let first = try reading.begin().get()
        #expect(first.keys.count == KeysInParts.mostKeys)
        let second = try reading.answered(part(first.keys.map { .deletion(of: $0, revision: 0) })).get()
        #expect(second.keys == [keys[KeysInParts.mostKeys]])
    }

    @Test("a broker that takes fewer keys in a request is asked for half as many, until it takes them")
    func fewer() throws {
        var reading = reading("a", "b", "c", "d", "e")
        _ = reading.begin()
        let refusal = MembusError.refused(Refusal(.limitExceeded, "too many", subject: "keysPerRequest"))
        #expect(try reading.failed(refusal).get().keys == [key("a"), key("b")])
        #expect(try reading.failed(refusal).get().keys == [key("a")])
        #expect(throws: MembusError.self) { try reading.failed(refusal) }
        #expect(throws: MembusError.self) { try reading.failed(refused(.limitExceeded)) }
        #expect(try reading.answered(part([record("a", 3)])).get().keys == [key("b")])
    }

    @Test("whoever bounds the bytes gets those of the first keys, as of one state, and no more is asked for")
    func bounded() throws {
        let keys = ["a", "b", "c", "d"].map { key($0) }
        var reading = KeysInParts(keys, branch: .main, at: nil, mostBytes: 100)
        _ = reading.begin()
        let large = Record(key: key("b"), revision: 4, content: .inline(Data(repeating: 0x78, count: 100)))
        #expect(try reading.answered(part([record("a", 3)])).get().keys == Array(keys.dropFirst()))
        #expect(try reading.answered(part([large])).handed().records.map(\.key) == Array(keys.prefix(2)))
    }

    @Test("parts of two histories are never joined")
    func historyReplaced() throws {
        var reading = reading("a", "b")
        _ = reading.begin()
        _ = try reading.answered(part([record("a", 3)]))
        let other = Answering(lineage: Lineage(8))
        #expect(try reading.endedByHistory { try $0.answered(part([record("b", 4)]), by: other) } == Lineage(8))
    }

    @Test("a read that compaction overtakes asks for all again, unless it was to be of a named state")
    func overtaken() throws {
        var reading = reading("a", "b")
        _ = reading.begin()
        _ = try reading.answered(part([record("a", 3)]))
        let again = try reading.failed(refused(.belowFloor)).get()
        #expect(again.keys == [key("a"), key("b")] && again.at == nil)
        let fetched = try reading.answered(part([record("a", 3), record("b", 12)], at: at(12))).handed()
        #expect(fetched.token.position == at(12) && fetched.records.count == 2)

        var named = KeysInParts([key("a"), key("b")], branch: .main, at: at(9))
        _ = named.begin()
        _ = try named.answered(part([record("a", 3)]))
        #expect(throws: MembusError.self) { try named.failed(refused(.belowFloor)) }
    }

    @Test("no keys are the state alone")
    func none() throws {
        var reading = KeysInParts([], branch: .main, at: nil)
        #expect(try reading.begin().get().keys.isEmpty)
        #expect(try reading.answered(part([])).handed().token.position == at(9))
    }

    @Test("an answer that brings nothing on ends the read", arguments: [0, 3])
    func unexpected(count: Int) throws {
        var reading = reading("a", "b")
        _ = reading.begin()
        let records = (0..<count).map { record("k\($0)", 1) }
        #expect(throws: MembusError.self) { try reading.answered(part(records)) }
    }

    @Test("a part that does not come ends the read; taken up again, it goes on with the rest")
    func takenUpAgain() throws {
        var reading = reading("a", "b")
        _ = reading.begin()
        _ = try reading.answered(part([record("a", 3)]))
        #expect(throws: MembusError.self) { try reading.failed(away) }
        #expect(try reading.begin().get().keys == [key("b")])
    }
}
