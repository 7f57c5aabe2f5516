/// Tells whether bytes are those that were written: damage, not forgery.
enum Checksum {
    /// - Parameter numbers: what else belongs to them.
    static func of(_ parts: UnsafeRawBufferPointer..., numbers: (UInt32, UInt32) = (0, 0)) -> Int64 {
        var sum: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(numbers.0) << 32 ^ UInt64(numbers.1)
        for part in parts {
            var place = 0
            while place + 8 <= part.count {
                sum = mix(sum, part.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                place += 8
            }
            var rest: UInt64 = 0
            while place < part.count {
                rest = rest << 8 ^ UInt64(part[place])
                place += 1
            }
            sum = mix(mix(sum, rest), UInt64(part.count))
        }
        // Half of it is enough, and half as long.
        return Int64(sum >> 32)
    }

    /// Each step can be undone, so that a changed word always changes the sum.
    private static func mix(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        let mixed = (sum ^ word) &* 0xFF51_AFD7_ED55_8CCD
        return mixed ^ mixed >> 32
    }
}
