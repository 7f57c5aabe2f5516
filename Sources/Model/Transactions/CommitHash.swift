import Crypto
import FoundationEssentials

/// The hash chain over commits: SHA-256 of the previous commit's hash and this commit's canonical bytes.
/// Equal hashes at one revision mean equal histories up to it.
///
/// The bytes are fixed for good: files on disk hold hashes of them. Whatever is to be hashed in addition
/// gets its own tag after what is there now.
package enum CommitHash {
    /// Before the first commit; its ``Position`` is ``Position/origin``.
    package static let seed = [UInt8](repeating: 0, count: 32)

    /// - Parameters:
    ///   - previous: the full hash of the commit before, or ``seed``.
    ///   - info: its `hash` is ignored.
    ///   - records: in order of their ordinals, values inline.
    ///   - provenance: where there is none the bytes are as they were before there was such a thing.
    package static func next(
        after previous: [UInt8], info: CommitInfo, fork: Fork?, preconditions: [Precondition], reads: [ReadVersion],
        records: [Record], provenance: Provenance
    ) -> [UInt8] {
        precondition(previous.count == 32, "a commit's hash has 32 bytes")
        var capacity =
            256 + info.context.utf8.count + info.message.utf8.count + 96 * (preconditions.count + reads.count)
        for record in records { capacity += record.footprint }
        var encoder = CanonicalEncoder(capacity: capacity)
        encoder.raw(previous)
        encoder.info(info)
        encoder.byte(fork == nil ? 0 : 1)
        if let fork { encoder.fork(fork) }
        encoder.list(preconditions) { $0.precondition($1) }
        encoder.reads(reads)
        encoder.list(records) { $0.record($1) }
        if !provenance.isEmpty {
            encoder.byte(1)
            encoder.raw(provenance.encoded)
        }
        encoder.moreReads(reads)
        return SHA256.hash(data: encoder.bytes).withUnsafeBytes { Array($0) }
    }

    package static func position(revision: Revision, full: [UInt8]) -> Position {
        Position(revision: revision, hash: full.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension Work {
    /// Tells whether a resent number carries the same payload. The same on every machine and in every
    /// version, since it is stored with the outcome; never 0, which stands for "not compared".
    ///
    /// It guards a client against its own mistakes, and nobody gains by a collision: so it is no
    /// cryptographic hash, which would cost each commit microseconds on the thread that owns the sockets.
    package var fingerprint: UInt64 {
        var encoder = CanonicalEncoder(capacity: 1024)
        switch self {
        case .transaction(let transaction):
            encoder.byte(1)
            encoder.transaction(transaction)
        case .fork(let fork):
            encoder.byte(2)
            encoder.fork(fork)
            // As before there was such a choice, where it is not made.
            if fork.expires { encoder.byte(1) }
        case .merge(let merge):
            encoder.byte(3)
            encoder.merge(merge)
        case .rollback(let rollback):
            encoder.byte(4)
            encoder.rollback(rollback)
        case .revert(let revert):
            encoder.byte(5)
            encoder.revert(revert)
        case .pick(let pick):
            encoder.byte(6)
            encoder.pick(pick)
        case .quarantine(let quarantine):
            encoder.byte(7)
            encoder.quarantine(quarantine)
        case .branch(let change):
            encoder.byte(9)
            encoder.branchChange(change)
        case .tag(let change):
            encoder.byte(10)
            encoder.tagChange(change)
        }
        return encoder.fingerprint
    }
}

extension CanonicalEncoder {
    /// Of what was written so far; never 0.
    package var fingerprint: UInt64 { max(1, bytes.withUnsafeBytes { Fingerprint.of($0) }) }
}

/// A multiply-and-fold hash, in the manner of wyhash, over little-endian words of 8 bytes.
enum Fingerprint {
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = fold(UInt64(bytes.count) ^ 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB)
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            hash = fold(hash ^ word, 0x8EBC_6AF0_9C88_C6E3)
            offset += 8
        }
        var tail: UInt64 = 0
        for index in offset..<bytes.count { tail |= UInt64(bytes[index]) << UInt64(8 * (index - offset)) }
        return fold(hash ^ tail, 0x5899_65CC_7537_4CC3)
    }

    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

extension Result where Success == Work, Failure == MembusModel.Refusal {
    /// The work's fingerprint; 0, "not compared", for what the broker's edge refused.
    package var fingerprint: UInt64 {
        if case .success(let work) = self { work.fingerprint } else { 0 }
    }
}
