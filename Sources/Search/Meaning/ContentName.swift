import Crypto

/// What a vector is of: an author's words. Two passages of the same author that say the same share it, on whatever branch.
struct ContentName: Hashable {
    /// 16 bytes of a hash.
    var high: UInt64
    var low: UInt64

    /// What is embedded: who said it, and what.
    static func text(author: String, passage: some StringProtocol) -> String { author + ": " + passage }

    init(author: String, passage: UnsafeRawBufferPointer) {
        var hash = SHA256()
        var author = author
        author.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        hash.update(data: [0])
        hash.update(bufferPointer: passage)
        self = hash.finalize().withUnsafeBytes { bytes in
            ContentName(
                high: bytes.loadUnaligned(as: UInt64.self), low: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
    }

    init(high: UInt64, low: UInt64) { (self.high, self.low) = (high, low) }

    var bytes: [UInt8] { withUnsafeBytes(of: (high, low)) { Array($0) } }
}
