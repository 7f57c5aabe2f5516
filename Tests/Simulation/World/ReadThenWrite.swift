import MembusChecker
import MembusDice
import MembusModel

@testable import Membus

// In some worlds agents write what depends on what they have read: the transaction's closure reads, and runs again when
// that has changed by the commit. `Rerunning` decides, as for `Memory.transact`; the draft is the product's, too. Each
// attempt is an operation of its own.

extension Profile {
    /// - Parameter dice: its own, so that what else a seed gives does not depend on them.
    mutating func readThenWrite(_ dice: inout Dice) {
        if dice.chance(8) { readingWriters = dice.pick([20, 60]) }
    }
}

extension World {
    func readThenWrite(by agent: Agent, _ keys: [Key], on branch: BranchName) {
        coverage.count(.readThenWrite)
        agent.readThenWrite(keys, on: branch, retries: dice.within(0...3), for: dice.milliseconds(300...10000))
    }
}

extension Agent {
    func readThenWrite(_ keys: [Key], on branch: BranchName, retries: Int, for time: Duration) {
        let patience = Patience.until(now + time)
        var op: Int?
        let driving = Driving(Rerunning(retries: retries), by: self, patience) { [unowned self] driving, result in
            guard case .success(.run(let attempt)) = result else { return }
            if attempt > 1 { world.coverage.count(.rerun) }
            draft(keys, on: branch, patience) { driving.take($0) }
        }
        driving.alter = { [unowned self] _, action in
            if case .make(.transact(let work, _), _) = action, let number = work.op {
                op = number
                world.note(.invoked(number, agent: index, work))
            }
            return action
        }
        driving.hear = { [unowned self] _, input in
            guard let decided = op, let result = input.result else { return }
            op = nil
            finished(decided, result)
        }
        driving.begin()
    }

    /// What the closure does: reads some keys, and writes them.
    private func draft(
        _ keys: [Key], on branch: BranchName, _ patience: Patience, _ then: @escaping (Rerunning.Input) -> Void
    ) {
        readDirectly(keys, on: branch, patience) { [unowned self] result in
            switch result {
            case .failure(let error): then(.failed(error, isLast: patience.isOver(at: now)))
            case .success(let fetched):
                var contents = Draft.Contents()
                contents.take(fetched)
                for record in contents.look(keys) { contents.require(record) }
                world.lastOp += 1
                for key in keys { contents.change(key, world.action(on: key)) }
                let message = "op \(world.lastOp)"
                do { then(.given(try contents.finish(on: branch, context: "", message: message))) } catch {
                    then(.failed(error, isLast: false))
                }
            }
        }
    }
}

extension CallInput {
    /// Of a transaction, if that is what it tells of.
    fileprivate var result: Result<Answer, any Error>? {
        switch self {
        case .answered(let answer): .success(answer)
        case .failed(let error, _): .failure(error)
        case .passed, .given: nil
        }
    }
}
