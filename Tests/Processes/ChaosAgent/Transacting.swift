import Foundation
import Membus
import MembusDice
import MembusRecording

extension Worker {
    /// Reads and writes in a closure, which runs again when what it read has changed. Each run asks for a transaction
    /// of its own, put on record before the closure returns; what the last one saw is what must have been so.
    func rewrite(_ dice: inout Dice) async {
        let (op, branch) = (nextOp(), pickBranch(&dice))
        let (keys, retries, timeout) = (dice.some(profile.keys, most: 2), dice.pick([0, 3, 10]), timeout(&dice))
        var runs = 0
        do {
            let receipt = try await memory.transact(
                message: "op \(op)", branch: branch, retries: retries, timeout: timeout
            ) { draft in
                let seen = try await draft.get(keys)
                runs += 1
                var asked = Transaction(branch: branch, context: "chaos", message: "op \(op)")
                for key in keys {
                    let name = Key(unchecked: key)
                    let text = "op \(op) \(key) run \(runs) after \(seen[key]?.revision ?? 0)"
                    asked.preconditions.append(seen[key].map { .at(name, $0.revision) } ?? .absent(name))
                    asked.changes.append(Change(name, .put(Put(Data(text.utf8)))))
                    draft.put(key, text: text)
                }
                recorder.note(.invoked(op: op, work: ToldWork(.transaction(asked))))
            }
            ended(op, receipt)
        } catch {
            // Without a run that got to its end nothing was asked for.
            if runs > 0 { ended(op, error) } else { failed("transact", error) }
        }
    }
}
