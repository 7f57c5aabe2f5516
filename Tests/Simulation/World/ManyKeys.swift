import Foundation
import MembusDice
import MembusModel

// Some worlds have many keys, each of which is seldom read or written again: their records are written first, while all
// else begins, so that snapshots and ranges have many pages, and caches more than they may hold.

extension Profile {
    /// - Parameter dice: its own, so that what else a seed gives does not depend on them.
    mutating func widen(_ dice: inout Dice) {
        guard dice.chance(8) else { return }
        let count = dice.within(60...200)
        keys = (0..<count).map { Key(unchecked: $0 % 3 == 0 ? "b/\($0)" : "a/\($0)") } + [Key(unchecked: "c")]
        pageRecords = dice.pick([10, 50, 1000])
        cacheBytes = dice.pick([1 << 20, 1 << 20, 20_000])
        isWide = true
    }
}

extension World {
    func writeManyKeys() {
        guard profile.isWide, let agent = agents.first else { return }
        coverage.count(.wide)
        let size = 25
        for start in stride(from: 0, to: profile.keys.count, by: size) {
            lastOp += 1
            var transaction = Transaction(branch: .main, message: "op \(lastOp)")
            for key in profile.keys[start..<min(start + size, profile.keys.count)] {
                transaction.changes.append(Change(key, .put(Put(Data("op \(lastOp) \(key)".utf8)))))
            }
            agent.transact(lastOp, .transaction(transaction))
        }
    }
}
