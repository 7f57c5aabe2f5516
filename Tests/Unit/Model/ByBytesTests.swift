import Foundation
import MembusModel
import Testing

/// Two spellings of one letter are the same to `String`, and two things to Membus.
@Suite("Texts by their bytes")
struct ByBytesTests {
    static let composed = "caf\u{E9}"
    static let decomposed = "cafe\u{301}"

    @Test("the two spellings are the same to String, which is the point") func theSame() {
        #expect(Self.composed == Self.decomposed)
        #expect(!Self.composed.hasSameBytes(as: Self.decomposed))
        #expect(ByBytes(Self.composed) != ByBytes(Self.decomposed))
        #expect(Set([ByBytes(Self.composed), ByBytes(Self.decomposed), ByBytes(Self.composed)]).count == 2)
        #expect(ByBytes(Self.decomposed) < ByBytes(Self.composed))
    }

    @Test("attributes keep both names, in the order of their bytes") func attributes() {
        var attributes: Attributes = [Self.composed: "1", "a": "2", Self.decomposed: "3"]
        #expect(attributes.map(\.value) == ["2", "3", "1"])
        #expect((attributes[Self.composed], attributes[Self.decomposed], attributes["b"]) == ("1", "3", nil))
        attributes[Self.composed] = nil
        #expect(attributes.map(\.value) == ["2", "3"])
        attributes[Self.composed] = nil
        attributes["a"] = "4"
        #expect(attributes == ["a": "4", Self.decomposed: "3"])
        #expect(attributes != ["a": "4", Self.composed: "3"])
        #expect(
            Attributes([(key: "a", value: "1"), (key: "b", value: "2"), (key: "a", value: "3")]) == [
                "a": "3", "b": "2",
            ])
    }

    @Test("attributes are what was set last, in order, whatever the order of setting", arguments: 1...50)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var attributes = Attributes()
        var expected: [Data: String] = [:]
        for step in 0..<60 {
            let name = String(
                repeating: ["a", "e\u{301}", "\u{E9}", "z"][Int(random.next() % 4)], count: Int(random.next() % 3))
            let value = random.next() % 4 == 0 ? nil : "\(step)"
            attributes[name] = value
            expected[Data(name.utf8)] = value
        }
        let sorted = expected.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        #expect(attributes.map { Data($0.key.utf8) } == sorted.map(\.key))
        #expect(attributes.map(\.value) == sorted.map(\.value))
    }

    @Test("values that hold a text are equal only if it is the same bytes") func values() throws {
        func differ<Value: Hashable>(_ make: (String) -> Value) -> Bool {
            let (a, b) = (make(Self.composed), make(Self.decomposed))
            return a != b && a == make(Self.composed) && Set([a, b]).count == 2
        }
        let key = try Key("k")
        #expect(differ { Kind($0) })
        #expect(differ { Link(relation: $0, target: key) })
        #expect(differ { Attributes([(key: $0, value: "")]) })
        #expect(differ { Attributes([(key: "a", value: $0)]) })
        #expect(differ { Transaction(context: $0) })
        #expect(differ { Transaction(message: $0) })
        #expect(differ { Fork(name: .main, context: $0) })
        #expect(differ { Fork(name: .main, message: $0) })
        #expect(differ { OpenSession(agent: $0) })
        #expect(differ { NoteReads(agent: $0, reads: []) })
        #expect(
            differ {
                NotedRead(context: $0, branch: .main, key: key, version: 1, time: Timestamp(milliseconds: 1))
            })
        #expect(differ { Principal.agent(ByBytes($0)) })
        #expect(differ { MemoryCounts.Group(name: $0, amount: .init()) })
        func info(agent: String = "", context: String = "", message: String = "") -> CommitInfo {
            CommitInfo(
                revision: 1, hash: 0, branch: .main, agent: agent, session: nil, number: 0,
                time: Timestamp(milliseconds: 0), context: context, message: message)
        }
        #expect(differ { info(agent: $0) })
        #expect(differ { info(context: $0) })
        #expect(differ { info(message: $0) })
        #expect(
            Record(key: key, revision: 1, owner: Self.composed) != Record(key: key, revision: 1, owner: Self.decomposed)
        )
        let links = [Self.composed, Self.decomposed].map { Link(relation: $0, target: key) }
        #expect(links.sorted() == links.reversed() && links.reversed().sorted() == links.reversed())
    }
}
