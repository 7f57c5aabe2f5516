import Glibc

/// A number as JSON writes it, to a Float: independent of the process's locale, as `strtof` is not, and several times as
/// fast. Exact up to 19 digits but for the rounding of one Double, far below what a Float shows.
enum DecimalNumber {
    private static let powers: [Double] = (0...22).map { pow(10, Double($0)) }

    /// - Parameter text: a number of JSON's grammar. Of any size: what a Float can't hold is infinite, or zero.
    static func float(_ text: UnsafeRawBufferPointer) -> Float {
        var (index, digits, exponent) = (0, UInt64(0), 0)
        let isNegative = text.first == UInt8(ascii: "-")
        if isNegative { index += 1 }
        var isFraction = false
        while index < text.count {
            let byte = text[index]
            if UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
                if digits < 1_000_000_000_000_000_000 {
                    digits = digits * 10 + UInt64(byte - UInt8(ascii: "0"))
                    if isFraction { exponent -= 1 }
                } else if !isFraction {
                    exponent += 1
                }
            } else if byte == UInt8(ascii: ".") {
                isFraction = true
            } else {
                exponent += written(text[(index + 1)...])
                break
            }
            index += 1
        }
        let value = Float(scaled(Double(digits), by: exponent))
        return isNegative ? -value : value
    }

    /// An exponent. What is larger than any that counts counts as a billion.
    private static func written(_ text: Slice<UnsafeRawBufferPointer>) -> Int {
        var exponent = 0
        for byte in text where UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
            exponent = min(exponent * 10 + Int(byte - UInt8(ascii: "0")), 1_000_000_000)
        }
        return text.first == UInt8(ascii: "-") ? -exponent : exponent
    }

    private static func scaled(_ value: Double, by exponent: Int) -> Double {
        switch exponent {
        case _ where value == 0: 0
        case 0...22: value * powers[exponent]
        case -22..<0: value / powers[-exponent]
        case 400...: .infinity
        case ..<(-400): 0
        // In two steps: 10^-330 alone would be zero.
        default: value * pow(10, Double(exponent / 2)) * pow(10, Double(exponent - exponent / 2))
        }
    }
}
