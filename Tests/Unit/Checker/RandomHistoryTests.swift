import Foundation
import MembusChecker
import MembusModel
import Testing

/// A generated history offers no place for the fault that is to be found.
struct NothingToSpoil: Error {
    var seed: UInt64
}

/// The search against the definition: does any permutation that respects real time fit the model?
@Suite struct RandomHistoryTests {
    @Test("the search agrees with trying every order, on 4,000 small random histories")
    func bruteForce() {
        var verdicts = [0, 0]
        for seed in UInt64(1)...4000 {
            var random = SeededRandom(seed: seed)
            let history = small(&random)
            let expected = BruteForce.isLinearizable(history)
            let verdict = linearizability(of: history, by: SingleRegister())
            #expect((verdict == .linearizable) == expected, "seed \(seed): \(history) is \(verdict)")
            if case .unknown = verdict { Issue.record("seed \(seed): unknown") }
            verdicts[expected ? 1 : 0] += 1
        }
        #expect(verdicts[0] > 800 && verdicts[1] > 800, "one-sided: \(verdicts)")
    }

    /// Any answers at all, so that about half are wrong.
    private func small(_ random: inout SeededRandom) -> RegisterHistory {
        (0..<Int.random(in: 2...6, using: &random)).map { _ in
            let called = Int.random(in: 0...12, using: &random)
            let returned = called + Int.random(in: 0...6, using: &random)
            let isOpen = Int.random(in: 0..<6, using: &random) == 0
            func value() -> Int { Int.random(in: 0...1, using: &random) }
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let seen = Int.random(in: 0..<4, using: &random) == 0 ? nil : value()
                return Performed(.read, called: called, outcome: isOpen ? nil : (.value(seen), returned))
            case 1: return Performed(.write(value()), called: called, outcome: isOpen ? nil : (.written, returned))
            default:
                let done = Bool.random(using: &random)
                return Performed(
                    .swap(from: value(), to: value()), called: called,
                    outcome: isOpen ? nil : (.swapped(done), returned))
            }
        }
    }

    @Test("what a working register answered to five clients is linearizable, whatever got lost", arguments: 1...60)
    func workingRegister(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let history = Samples.register(clients: 5, each: 34, values: 5, openPercent: 4, &random)
        let verdict = linearizability(of: history, by: SingleRegister())
        #expect(verdict == .linearizable, "seed \(seed)")
    }

    @Test("one stale read among 170 operations of a register is found", arguments: 1...60)
    func staleRead(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var history = Samples.register(clients: 5, each: 34, values: 1000, openPercent: 0, &random)
        guard let place = staleAnswer(in: history) else { throw NothingToSpoil(seed: seed) }
        history[place.read].outcome?.response = .value(place.old)
        guard case .violated = linearizability(of: history, by: SingleRegister()) else {
            Issue.record("seed \(seed): not found")
            return
        }
    }

    /// A read, and a value that was written once and overwritten before the read began.
    private func staleAnswer(in history: RegisterHistory) -> (read: Int, old: Int)? {
        for read in history.indices.reversed() where history[read].operation == .read {
            for old in history {
                guard case .write(let value) = old.operation, history.count(where: { $0.writes(value) }) == 1 else {
                    continue
                }
                let isOver = history.contains { $0.isWrite && $0.called > old.end && $0.end < history[read].called }
                if isOver { return (read, value) }
            }
        }
        return nil
    }

    @Test("what working texts answered to many clients is linearizable", arguments: [(1, 200), (10, 60), (50, 20)])
    func workingTexts(clients: Int, each: Int) {
        for seed in UInt64(1)...4 {
            var random = SeededRandom(seed: seed)
            let history = Samples.texts(clients: clients, each: each, keys: 10, &random)
            let verdict = linearizability(of: history, by: TextMap())
            #expect(verdict == .linearizable, "seed \(seed)")
        }
    }

    @Test("two gets with their answers swapped are found", arguments: [(1, 200), (10, 60), (50, 20)])
    func swappedTexts(clients: Int, each: Int) throws {
        for seed in UInt64(1)...4 {
            var random = SeededRandom(seed: seed)
            var history = Samples.texts(clients: clients, each: each, keys: 10, &random)
            guard let pair = swappable(in: history) else { throw NothingToSpoil(seed: seed) }
            let answers = (history[pair.0].outcome?.response ?? "", history[pair.1].outcome?.response ?? "")
            history[pair.0].outcome?.response = answers.1
            history[pair.1].outcome?.response = answers.0
            guard case .violated = linearizability(of: history, by: TextMap()) else {
                Issue.record("seed \(seed): not found")
                continue
            }
        }
    }

    /// Two gets of one key, one wholly before the other, with different answers of which the later goes on from
    /// the earlier: swapped, the earlier one tells the future.
    private func swappable(in history: TextHistory) -> (Int, Int)? {
        let gets = history.indices.filter { history[$0].operation.action == .get }
        for first in gets {
            for second in gets where history[second].operation.key == history[first].operation.key {
                guard let a = history[first].outcome, let b = history[second].outcome else { continue }
                if a.returned < history[second].called, a.response != "", b.response.hasPrefix(a.response),
                    b.response != a.response
                {
                    return (first, second)
                }
            }
        }
        return nil
    }
}

extension Performed where Operation == SingleRegister.Operation {
    var isWrite: Bool { if case .write = operation { true } else { false } }
    var end: Int { outcome?.returned ?? .max }
    func writes(_ value: Int) -> Bool {
        switch operation {
        case .read: false
        case .write(let other), .swap(_, let other): other == value
        }
    }
}

/// Every order of every subset that contains all answered operations.
enum BruteForce {
    static func isLinearizable(_ history: RegisterHistory) -> Bool { extends([], nil, history) }

    private static func extends(_ ordered: [Int], _ state: Int?, _ history: RegisterHistory) -> Bool {
        let left = history.indices.filter { !ordered.contains($0) }
        if left.allSatisfy({ history[$0].outcome == nil }) { return true }
        for next in left {
            // Nothing that is not ordered yet ended before this one began.
            let isTooEarly = left.contains {
                ($0 != next) && (history[$0].outcome?.returned ?? .max) < history[next].called
            }
            if isTooEarly { continue }
            let performed = history[next]
            if let after = SingleRegister().step(state, performed.operation, performed.outcome?.response),
                extends(ordered + [next], after, history)
            {
                return true
            }
        }
        return false
    }
}
