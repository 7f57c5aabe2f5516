import Foundation
import Testing

@testable import Membus

@Suite("Drafts")
struct DraftTests {
    private let state = Token(lineage: Lineage(1), position: Position(revision: 9, hash: 9))

    private func draft(_ records: [Record] = []) -> Draft {
        let state = state
        return Draft(branch: .main) { keys, at in
            #expect(at == nil || at == state.position)
            let found = keys.map { key in records.first { $0.key == key } ?? .deletion(of: key, revision: 0) }
            return KeysInParts.Fetched(token: state, records: found)
        }
    }

    @Test("what was read becomes a precondition, present or absent")
    func preconditions() async throws {
        let there = Record(key: try Key("a"), revision: 4, content: .inline(Data("x".utf8)))
        let draft = draft([there])
        #expect(try await draft.get("a")?.text == "x")
        #expect(try await draft.get("b") == nil)
        #expect(try await draft.read("c") == nil)
        let made = try draft.finish(context: "c", message: "m").transaction
        #expect(made.preconditions == [.at(try Key("a"), 4), .absent(try Key("b"))])
        #expect(made.reads.map(\.version) == [4, 0, 0])
    }

    @Test("changes of one key join where they can")
    func joining() throws {
        let draft = draft()
        draft.increment("n", by: 2)
        draft.increment("n", by: 3)
        draft.append("t", text: "a")
        draft.append("t", text: "b")
        draft.increment("gone")
        draft.delete("gone")
        let changes = try draft.finish(context: "", message: "").transaction.changes
        #expect(changes.map(\.action) == [.increment(5), .append(Data("ab".utf8)), .delete])
    }

    @Test("changes that do not join, and bad keys, are thrown at the end")
    func mistakes() throws {
        let twice = draft()
        twice.put("a", text: "x")
        twice.increment("a")
        #expect(throws: MembusError.self) { try twice.finish(context: "", message: "") }
        let bad = draft()
        bad.put("a//b", text: "x")
        #expect(throws: MembusError.self) { try bad.finish(context: "", message: "") }
    }
}
