import MembusChecker
import Testing

/// Histories small enough to judge by eye. Times are of a common clock.
@Suite struct RegisterTests {
    private func judge(_ history: RegisterHistory) -> LinearizabilityVerdict {
        linearizability(of: history, by: SingleRegister(initial: 0))
    }
    private func write(_ value: Int, _ called: Int, _ returned: Int) -> RegisterHistory.Element {
        Performed(.write(value), called: called, outcome: (.written, returned))
    }
    private func read(_ value: Int?, _ called: Int, _ returned: Int) -> RegisterHistory.Element {
        Performed(.read, called: called, outcome: (.value(value), returned))
    }
    private func lostWrite(_ value: Int, _ called: Int) -> RegisterHistory.Element {
        Performed(.write(value), called: called, outcome: nil)
    }

    @Test("while a write is under way, one reader may see it and another, later one finished earlier, not yet")
    func overlapping() {
        #expect(judge([write(100, 0, 100), read(100, 25, 75), read(0, 30, 60)]) == .linearizable)
    }

    @Test("once somebody has read the new value, nobody who asks afterwards reads the old one")
    func newThenOld() {
        #expect(
            judge([write(200, 0, 100), read(200, 10, 30), read(0, 40, 90)]) == .violated(longest: [0, 1], stuck: 2))
    }

    @Test("operations that begin and end at the same moment overlap")
    func zeroDuration() {
        let late = [read(0, 30, 30), read(0, 30, 30)]
        #expect(judge([write(100, 0, 100), read(100, 25, 75)] + late) == .linearizable)
        let early = [read(200, 10, 10), read(200, 10, 10)]
        #expect(judge([write(200, 0, 100)] + early + [read(0, 40, 90)]) != .linearizable)
    }

    @Test("a read after a write that was answered sees it")
    func staleRead() {
        #expect(judge([write(1, 0, 10), read(0, 11, 20)]) == .violated(longest: [0], stuck: 1))
        #expect(judge([write(1, 0, 10), read(1, 11, 20)]) == .linearizable)
    }

    @Test("two readers do not see two writes in different orders")
    func readersDisagree() {
        let writes = [write(1, 0, 100), write(2, 0, 100)]
        #expect(judge(writes + [read(1, 10, 20), read(2, 30, 40), read(2, 10, 25), read(1, 30, 45)]) != .linearizable)
        #expect(judge(writes + [read(1, 10, 20), read(2, 30, 40), read(1, 10, 25), read(2, 30, 45)]) == .linearizable)
    }

    @Test("a write whose outcome is unknown may take effect long after, or never, but only once")
    func openWrite() {
        #expect(judge([lostWrite(5, 0), read(0, 10, 20), read(5, 30, 40)]) == .linearizable)
        #expect(judge([lostWrite(5, 0), read(0, 10, 20), read(0, 30, 40)]) == .linearizable)
        let undone = [lostWrite(5, 0), read(5, 10, 20), read(0, 30, 40)]
        #expect(judge(undone) == .violated(longest: [0, 1], stuck: 2))
        #expect(judge([lostWrite(5, 25), read(5, 10, 20)]) != .linearizable)
        let twice = [lostWrite(5, 0), read(5, 10, 20), write(6, 30, 40), read(5, 50, 60)]
        #expect(judge(twice) != .linearizable)
    }

    @Test("a swap tells what it found")
    func swaps() {
        func swap(_ from: Int, _ to: Int, _ isDone: Bool, _ called: Int, _ returned: Int) -> RegisterHistory.Element {
            Performed(.swap(from: from, to: to), called: called, outcome: (.swapped(isDone), returned))
        }
        #expect(judge([swap(0, 1, true, 0, 10), swap(0, 2, true, 0, 10)]) != .linearizable)
        #expect(judge([swap(0, 1, true, 0, 10), swap(0, 2, false, 0, 10)]) == .linearizable)
        #expect(judge([swap(0, 1, false, 0, 10)]) != .linearizable)
        #expect(judge([swap(0, 1, true, 0, 10), swap(1, 2, true, 5, 30), read(1, 11, 20)]) == .linearizable)
    }

    @Test("a search that reaches its bound says that it does not know")
    func bound() {
        let history = (0..<30).map { write($0, 0, 100) } + [read(99, 0, 100)]
        #expect(linearizability(of: history, by: SingleRegister(), limit: 1000) == .unknown(steps: 1000))
        #expect(linearizability(of: [], by: SingleRegister()) == .linearizable)
    }

    @Test("parts that share no place are judged apart, and the culprit is named by its number in the whole")
    func parts() {
        func get(_ key: String, _ text: String, _ called: Int) -> TextHistory.Element {
            Performed(TextMap.Operation(key, .get), called: called, outcome: (text, called + 5))
        }
        func put(_ key: String, _ text: String, _ called: Int) -> TextHistory.Element {
            Performed(TextMap.Operation(key, .put(text)), called: called, outcome: ("", called + 5))
        }
        let history = [put("a", "1", 0), put("b", "2", 10), get("a", "1", 20), get("b", "1", 30)]
        #expect(linearizability(of: history, by: TextMap()) == .violated(longest: [1], stuck: 3))
    }
}
