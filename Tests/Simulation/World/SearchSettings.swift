import Foundation
import MembusDice
import MembusModel

// How memory is searched, set and unset beside everything else, in half of the worlds that search: each record for one topic and kind, so
// that no two contradict each other, however they are merged.

extension Profile { mutating func setSearch(_ dice: inout Dice) { if searches, dice.chance(50) { setsSearch = true } } }

extension World {
    private static let settings = [
        ("a", #""topic": "a/", "search": "#, [#""off""#, #""off""#, #""on""#]),
        ("a-0", #""topic": "a/0", "search": "#, [#""on""#, #""off""#]),
        ("b-text", #""topic": "b/", "kind": "text", "search": "#, [#""off""#, #""on""#]),
        ("all", #""topic": "/", "context": "#, ["false", "true"]),
        ("json", #""topic": "/", "kind": "json", "fields": "#, [#"["x"]"#, #"["y", "z"]"#, #""all""#]),
        ("j", #""topic": "j", "fields": "#, [#"["x", "y"]"#, #"["z"]"#, #""all""#]),
    ]

    /// Records of them.
    var mostSettings: Int { profile.setsSearch ? Self.settings.count : 0 }

    /// Of dice of their own, as vectors.
    func setSearch(in transaction: inout Transaction) {
        guard profile.setsSearch else { return }
        var dice = Dice(seed: seed ^ UInt64(lastOp) &* 31, move: -6)
        guard dice.chance(12) else { return }
        coverage.count(.searchSet)
        let (name, members, values) = dice.pick(Self.settings)
        let value = Put(Data("{\(members)\(dice.pick(values))}".utf8), kind: .json)
        transaction.changes.append(
            Change(Key(unchecked: ".membus/search/\(name)"), dice.chance(25) ? .delete : .put(value)))
    }
}
