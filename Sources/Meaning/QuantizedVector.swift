/// A vector of length 1 in bytes: each of its numbers is near `scale` times a byte.
package struct QuantizedVector: Hashable, Sendable {
    /// From -127 to 127.
    package let values: [Int8]
    package let scale: Float
    /// How far it is from the vector of length 1 that it stands for: no cosine is further off than this, and the other's.
    package let slack: Float

    package init(values: [Int8], scale: Float, slack: Float = 0) {
        self.values = values
        self.scale = scale
        self.slack = slack
    }

    /// - Parameter vector: of any length.
    /// - Returns: nil if it has no direction: it is empty, all zeroes, or a number in it is not finite.
    package init?(_ vector: [Float]) {
        let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
        let largest = vector.reduce(0) { max($0, $1.magnitude) }
        guard squares.isFinite, largest > 0 else { return nil }
        values = vector.map { Int8((Double($0) / Double(largest) * 127).rounded(.toNearestOrEven)) }
        let length = squares.squareRoot()
        scale = Float(Double(largest) / length / 127)
        var rest = 0.0
        for (value, number) in zip(values, vector) {
            let off = Double(number) / length - Double(value) * Double(scale)
            rest += off * off
        }
        slack = Float(rest.squareRoot())
    }
}
