import MembusDice
import MembusModel

// Vectors that come with what is put, in two thirds of the worlds that search: small whole numbers in few spaces, so that many are
// equal, opposite or across. They never leave the broker, which the wire sees to: such worlds have its codec in the loop.

extension Profile {
    mutating func sendVectors(_ dice: inout Dice) { if searches, dice.chance(65) { searchByVectors() } }

    mutating func searchByVectors() { (searches, sendsVectors, isWired) = (true, true, true) }
}

extension World {
    private static let spaces = ["m", "n"]

    /// Of dice of their own: what else a put draws does not depend on them.
    func vectors(for key: Key) -> Vectors {
        guard profile.sendsVectors else { return .none }
        let name = key.text.utf8.reduce(UInt64(lastOp)) { $0 &* 31 &+ UInt64($1) }
        var dice = Dice(seed: seed ^ name, move: -5)
        guard dice.chance(60) else { return .none }
        coverage.count(.sentVectors)
        let spaces = dice.some(Self.spaces, most: 2).map { space in
            let dimensions = Self.dimensions(&dice)
            let count = dice.pick([1, 1, 1, 2, 3])
            if count > 1 { coverage.count(.sentSeveralVectors) }
            return Vectors.Space(space, (0..<count).map { _ in Self.vector(dimensions, &dice) })
        }
        return Vectors(spaces)
    }

    static func questionVector(_ dice: inout Dice) -> QuestionVector {
        QuestionVector(vector(dimensions(&dice), &dice), in: dice.pick(spaces))
    }

    private static func dimensions(_ dice: inout Dice) -> Int { dice.chance(90) ? 3 : 2 }

    /// It has a direction.
    private static func vector(_ dimensions: Int, _ dice: inout Dice) -> [Float] {
        let size = dice.pick([1, 3])
        var values = (0..<dimensions).map { _ in Float(dice.within(-size...size)) }
        if values.allSatisfy({ $0 == 0 }) { values[dice.below(dimensions)] = 1 }
        return values
    }
}
