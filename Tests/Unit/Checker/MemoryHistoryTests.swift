import Foundation
import MembusChecker
import MembusModel
import Testing

/// Recorded histories of the memory, judged without their revisions' order.
@Suite struct MemoryHistoryTests {
    private static let lineage = Lineage(1)
    private var history = History()

    private mutating func write(_ op: Int, _ keys: [String], if condition: Precondition? = nil) {
        var transaction = Transaction(message: "op \(op)")
        transaction.changes = keys.map { Change(Key(unchecked: $0), .put(Put(Data("op \(op)".utf8)))) }
        transaction.preconditions = condition.map { [$0] } ?? []
        history.note(Instant(nanoseconds: 0), .invoked(op, agent: 1, .transaction(transaction)))
    }
    private mutating func committed(_ op: Int, _ revision: Revision) {
        let outcome = Outcome.committed(Position(revision: revision, hash: 1))
        history.note(Instant(nanoseconds: 0), .finished(op, agent: 1, .decided(outcome, Self.lineage)))
    }
    private mutating func ask(_ id: Int) { history.note(Instant(nanoseconds: 0), .asked(read: id, agent: 2)) }

    /// Finds the values that these ops wrote, under their revisions.
    private mutating func read(
        _ id: Int, _ found: [String: (op: Int, revision: Revision)], of keys: [String], at: Revision
    ) {
        let records = found.map { key, seen in
            Record(key: Key(unchecked: key), revision: seen.revision, content: .inline(Data("op \(seen.op)".utf8)))
        }
        history.note(
            Instant(nanoseconds: 0),
            .read(
                Read(
                    id: id, agent: 2, view: nil, isJoined: true, branch: .main, keys: keys.map { Key(unchecked: $0) },
                    consistency: .direct,
                    token: Token(lineage: Self.lineage, position: Position(revision: at, hash: 1)),
                    found: records)))
    }

    @Test("a read that misses a write which was answered before it began has no place")
    mutating func staleRead() {
        write(1, ["a"])
        committed(1, 1)
        write(2, ["a"])
        committed(2, 2)
        ask(1)
        var stale = self
        stale.read(1, ["a": (1, 1)], of: ["a"], at: 1)
        #expect(Check.unorderable(stale.history).map(\.invariant) == [.linearizable])
        read(1, ["a": (2, 2)], of: ["a"], at: 2)
        #expect(Check.unorderable(history).isEmpty)
    }

    @Test("half a transaction has no place, though each key by itself would")
    mutating func halfACommit() {
        ask(1)
        write(1, ["a", "b"])
        committed(1, 1)
        var torn = self
        torn.read(1, ["a": (1, 1)], of: ["a", "b"], at: 1)
        #expect(Check.unorderable(torn.history).map(\.invariant) == [.linearizable])
        read(1, ["a": (1, 1), "b": (1, 1)], of: ["a", "b"], at: 1)
        #expect(Check.unorderable(history).isEmpty)
    }

    @Test("a precondition that cannot have held is found, whatever revision the outcome names")
    mutating func precondition() {
        write(1, ["a"])
        committed(1, 1)
        write(2, ["a"], if: .at(Key(unchecked: "a"), 1))
        write(3, ["a"], if: .at(Key(unchecked: "a"), 1))
        committed(2, 2)
        var both = self
        both.committed(3, 3)
        #expect(Check.unorderable(both.history).map(\.invariant) == [.linearizable])
        #expect(Check.unorderable(history).isEmpty)
    }

    @Test("a transaction without an outcome may have happened or not, but not be undone")
    mutating func unknownOutcome() {
        write(1, ["a"])
        committed(1, 1)
        write(2, ["a"])
        ask(1)
        read(1, ["a": (2, 2)], of: ["a"], at: 2)
        #expect(Check.unorderable(history).isEmpty)
        ask(2)
        read(2, ["a": (1, 1)], of: ["a"], at: 1)
        #expect(Check.unorderable(history).map(\.invariant) == [.linearizable])
    }
}
