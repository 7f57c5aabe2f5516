import Foundation
import Membus
import MembusDice
import MembusRecording

// Ready-made transactions, and forks: each on record before it is asked for, and when its end is known.

extension Worker {
    func write(_ dice: inout Dice) async {
        if dice.chance(20) { return await rewrite(&dice) }
        guard dice.chance(10) else {
            let (op, transaction) = transaction(&dice)
            return await submit(op, transaction, timeout: timeout(&dice))
        }
        // Several under way at once, in order.
        var pipeline: [(op: Int, Submission)] = []
        let timeout = timeout(&dice)
        for _ in 0..<dice.within(2...20) {
            let (op, transaction) = transaction(&dice)
            recorder.note(.invoked(op: op, work: ToldWork(.transaction(transaction))))
            do { pipeline.append((op, try memory.enqueue(transaction, timeout: timeout))) } catch { ended(op, error) }
        }
        for (op, submission) in pipeline {
            do { ended(op, try await submission.receipt()) } catch { ended(op, error) }
        }
    }

    private func submit(_ op: Int, _ transaction: Transaction, timeout: Duration) async {
        recorder.note(.invoked(op: op, work: ToldWork(.transaction(transaction))))
        do { ended(op, try await memory.submit(transaction, timeout: timeout)) } catch { ended(op, error) }
    }

    func fork(_ dice: inout Dice) async {
        let op = nextOp()
        let parent = pickBranch(&dice)
        let newest = board.newest().last.flatMap { Token($0)?.revision } ?? 0
        let at = dice.chance(50) ? Revision(dice.below(Int(newest) + 1)) : nil
        let fork = Fork(
            name: BranchName(unchecked: "fork-\(op)"), parent: parent, at: at, context: "chaos", message: "op \(op)")
        recorder.note(.invoked(op: op, work: ToldWork(.fork(fork))))
        do {
            ended(
                op, try await memory.fork(fork.name, from: parent, at: at, message: fork.message, timeout: .seconds(10))
            )
        } catch { ended(op, error) }
    }

    func timeout(_ dice: inout Dice) -> Duration {
        dice.milliseconds(dice.pick([50...500, 2000...15_000]))
    }

    /// Unique among all agents and their lives.
    func nextOp() -> Int {
        let count = state.withLock { state in
            state.lastOp += 1
            return state.lastOp
        }
        return (options.agent * 1000 + options.life) * 1_000_000 + count
    }

    // MARK: What is asked for

    private func transaction(_ dice: inout Dice) -> (Int, Transaction) {
        let op = nextOp()
        var transaction = Transaction(branch: pickBranch(&dice), context: "chaos", message: "op \(op)")
        for key in dice.some(profile.keys, most: 3) {
            transaction.changes.append(Change(Key(unchecked: key), action(on: key, op, &dice)))
        }
        if dice.chance(15) {
            transaction.changes.append(Change(Key(unchecked: "n"), .increment(Int64(dice.within(-3...5)))))
        }
        if dice.chance(3) { transaction.changes.append(Change(Key(unchecked: "t"), .append(Data("+\(op)".utf8)))) }
        if dice.chance(40) { transaction.preconditions = preconditions(on: transaction.branch, &dice) }
        if dice.chance(4), !transaction.preconditions.isEmpty { transaction.changes = [] }
        return (op, transaction)
    }

    private func action(on key: String, _ op: Int, _ dice: inout Dice) -> Change.Action {
        if dice.chance(12) { return .delete }
        let size = dice.chance(profile.large) ? dice.pick([60, 500, 3000, 12_000, 20_000]) : 0
        var put = Put(Data("op \(op) \(key)\(String(repeating: ".", count: size))".utf8))
        if dice.chance(10) { put.expiry = .after(dice.milliseconds(20...3000)) }
        return .put(put)
    }

    /// Of what a view shows, or of nothing in particular.
    private func preconditions(on branch: BranchName, _ dice: inout Dice) -> [Precondition] {
        let keys = dice.some(profile.keys, most: 2)
        return keys.map { text in
            let key = Key(unchecked: text)
            let seat = seats.first { $0.view.branch == branch && $0.view.topics.matches(key) }
            guard let view = seat?.view, let seen = try? view.read({ (try $0[text]?.revision ?? 0, $0.revision) })
            else { return .absent(key) }
            if dice.chance(25), let topic = view.topics.topics.first(where: { $0.matches(key) }) {
                return .unchanged(topic, since: seen.1)
            }
            return .at(key, seen.0)
        }
    }

    // MARK: What came of it

    func ended(_ op: Int, _ receipt: Receipt) {
        let token = "\(receipt.token)"
        recorder.note(.finished(op: op, ending: receipt.isCommitted ? .committed(token: token) : .held(token: token)))
        if receipt.isCommitted { board.put(token) }
    }

    func ended(_ op: Int, _ error: any Error) {
        recorder.note(.finished(op: op, ending: Self.ending(error)))
    }

    private static func ending(_ error: any Error) -> ToldEnding {
        switch error {
        case MembusError.conflict(let failed, let at):
            return .conflict(failed: failed.map { ToldPrecondition($0.precondition) }, at: "\(at)")
        case MembusError.committedButNotSeen(let receipt): return .committedUnseen(token: "\(receipt.token)")
        case MembusError.refused(let failure):
            // These say of another sending that it was executed, or may have been.
            if [.numberForgotten, .numberReused].contains(failure.code) { return .unknown(why: "\(failure.code)") }
            return .refused(why: "\(failure.code)")
        case MembusError.timeout(_, let unknown, let last):
            let why = last.map { "timeout, \($0.code)" } ?? "timeout"
            return unknown ? .unknown(why: why) : .refused(why: why)
        default: return .unknown(why: name(of: error))
        }
    }
}
