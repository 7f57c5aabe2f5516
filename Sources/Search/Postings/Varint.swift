/// Numbers in as few bytes as they need, seven bits each, the low ones first.
enum Varint {
    @inline(__always)
    static func append(_ number: UInt64, to bytes: Room<UInt8>) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    @inline(__always)
    static func append(_ number: UInt32, to bytes: Room<UInt8>) { append(UInt64(number), to: bytes) }

    /// - Returns: of five bytes at most; `nil`: the bytes end within a number, or it is none.
    @inline(__always)
    static func read(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> UInt64? {
        var (number, shift): (UInt64, UInt64) = (0, 0)
        while place < bytes.count, shift < 35 {
            let byte = bytes[place]
            place += 1
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
            shift += 7
        }
        return nil
    }
}
