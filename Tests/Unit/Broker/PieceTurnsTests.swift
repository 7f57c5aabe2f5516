import MembusModel
import Testing

@testable import MembusBroker

@Suite("Look-ups that take several pieces")
struct PieceTurnsTests {
    private func read(_ ticket: UInt64) -> QueuedRead {
        QueuedRead(ticket: ticket, lookUp: CountedLookUp(), visible: .origin)
    }

    /// It is done with its second piece.
    private struct CountedLookUp: LookUp {
        var steps = 0
        static var isLong: Bool { false }
        static var name: String { "a look-up" }
        mutating func step(at desk: Desk) throws(Refusal) -> Int? {
            steps += 1
            return steps == 2 ? steps : nil
        }
        static func result(_ answer: Int) -> LookUpResult { .hash(UInt64(answer)) }
    }

    @Test("have a piece each in turns, in the order in which they came")
    func turns() {
        var turns = PieceTurns()
        for ticket in 1...3 { turns.arrive(read(UInt64(ticket))) }
        var order: [UInt64] = []
        for _ in 0..<7 {
            guard let read = turns.next() else { break }
            order.append(read.ticket)
            if read.ticket == 2 { turns.finish() } else { turns.comeBack(read) }
        }
        #expect(order == [1, 2, 3, 1, 3, 1, 3])
    }

    @Test("only some hold what they have found; the others wait as they were asked for, and have their turns later")
    func bound() {
        var turns = PieceTurns()
        let most = PieceTurns.mostBegun
        for ticket in 0..<UInt64(2 * most) {
            var read = read(ticket)
            read.lookUp = CountedLookUp(steps: 1)
            turns.arrive(read)
        }
        func steps(_ read: QueuedRead) -> Int? { (read.lookUp as? CountedLookUp)?.steps }
        // As many as there are threads are out at a time.
        guard let first = turns.next(), let second = turns.next() else {
            Issue.record("nobody has a turn")
            return
        }
        #expect(steps(first) == 1 && steps(second) == 1)
        turns.comeBack(first)
        turns.comeBack(second)
        var seen: Set<UInt64> = []
        while let read = turns.next() {
            #expect(steps(read) == (read.ticket < UInt64(most) ? 1 : 0))
            seen.insert(read.ticket)
            turns.finish()
        }
        #expect(seen.count == 2 * most)
    }
}
