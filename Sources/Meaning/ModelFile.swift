import CMeaning
import Crypto

/// A model's file, packed: what is mapped is what the kernels read. Integers and floats are little-endian.
///
///     0           magic, 16 bytes
///     16          version; words, positions, hidden, heads, inner, layers; slots; bytes of the words; 32 bits each
///     64          SHA-256 of the weights that it was made of
///     96          zeroes
///     128         the words' hash table, their offsets, their bytes: see Vocabulary
///     …           zeroes up to a multiple of 64
///     …           weights: see meaning.h
///     end - 32    SHA-256 of all before it
struct ModelFile: Sendable {
    static let magic = Array("membus model\0\0\0\0".utf8)
    static let version: UInt32 = 1
    static let headerBytes = 128
    static let digestBytes = 32
    static let hint = "run ./deploy/packages, or `membus model fetch`, which bring it"

    var words, positions, hidden, heads, inner, layers, slots, wordBytes: Int

    var shape: membus_shape {
        membus_shape(
            words: UInt32(words), positions: UInt32(positions), hidden: UInt32(hidden), heads: UInt32(heads),
            inner: UInt32(inner), layers: UInt32(layers))
    }

    var offsetsStart: Int { Self.headerBytes + slots * 4 }
    var bytesStart: Int { offsetsStart + (words + 1) * 4 }
    var weightsStart: Int { (bytesStart + wordBytes + 63) / 64 * 64 }
    var digestStart: Int { weightsStart + membus_weights(shape) * 4 }
    var size: Int { digestStart + Self.digestBytes }

    /// Whether the kernels can work with these.
    var isUsable: Bool {
        (1...1 << 20).contains(words) && (3...512).contains(positions) && (1...64).contains(layers)
            && (1...64).contains(heads) && hidden == heads * 32 && (1...1 << 14).contains(inner) && inner % 32 == 0
            && slots > words && slots <= 1 << 22 && slots & (slots - 1) == 0 && wordBytes <= 1 << 26
    }

    var header: [UInt8] {
        var header = Self.magic
        let numbers = [words, positions, hidden, heads, inner, layers, slots, wordBytes]
        for number in [Self.version] + numbers.map({ UInt32($0) }) {
            withUnsafeBytes(of: number.littleEndian) { header += $0 }
        }
        return header + [UInt8](repeating: 0, count: Self.headerBytes - header.count)
    }
}

extension ModelFile {
    /// Reads the header, and checks the rest against it.
    init(checking file: MappedFile) throws(MeaningError) {
        defer { withExtendedLifetime(file) {} }
        let bytes = file.bytes
        guard bytes.starts(with: Self.magic.prefix(bytes.count)), !bytes.isEmpty else {
            throw MeaningError(.foreign, "\(file.path) is no model of Membus", hint: Self.hint)
        }
        func damaged(_ what: String) -> MeaningError {
            MeaningError(.damaged, "the model \(file.path) \(what)", hint: "remove it, then \(Self.hint)")
        }
        guard bytes.count >= Self.headerBytes else { throw damaged("ends in its header") }
        let numbers = (0..<9).map {
            Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 16 + $0 * 4, as: UInt32.self)))
        }
        guard numbers[0] <= Self.version else {
            throw MeaningError(
                .newerVersion, "the model \(file.path) has version \(numbers[0]), this Membus knows \(Self.version)",
                hint: "update Membus, or remove the file, then \(Self.hint)")
        }
        self.init(
            words: numbers[1], positions: numbers[2], hidden: numbers[3], heads: numbers[4], inner: numbers[5],
            layers: numbers[6], slots: numbers[7], wordBytes: numbers[8])
        guard numbers[0] == Self.version, isUsable else { throw damaged("has dimensions that make no sense") }
        guard bytes.count == size else { throw damaged("has \(bytes.count) bytes instead of \(size)") }
        let digest = SHA256.hash(whole: UnsafeRawBufferPointer(rebasing: bytes[..<digestStart]))
        file.forget()
        guard bytes[digestStart...].elementsEqual(digest) else { throw damaged("fails its checksum") }
    }
}

extension SHA256 {
    static func hash(whole bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hasher = SHA256()
        hasher.update(bufferPointer: bytes)
        return Array(hasher.finalize())
    }
}
