import FoundationEssentials

// Vectors as bytes, which is how they stand in the store, in commits and in decided batches:
//
//   number of spaces; of each, by the bytes of its name: name, dimensions, number of vectors, then their floats, little-endian

/// Vectors that an agent sends along with a value: what a search that brings a vector of its own is compared with. They stand in named
/// spaces, one for each way in which vectors are made; vectors of two spaces, or of other dimensions, are never compared.
///
/// They belong to the version. What restores, merges or picks a value takes its vectors along; what changes it drops them.
public struct Vectors: Hashable, Sendable {
    /// The vectors of one space.
    public struct Space: Hashable, Sendable {
        private var nameBytes: ByBytes
        public var name: String { nameBytes.text }
        /// Of each vector: how many numbers it has.
        public let dimensions: Int
        /// One vector after the other.
        public let values: [Float]

        /// - Precondition: the vectors are of one length.
        public init(_ name: String, _ vectors: [[Float]]) {
            nameBytes = ByBytes(name)
            let length = vectors.first?.count ?? 0
            precondition(vectors.allSatisfy { $0.count == length }, "vectors of one space have one length")
            dimensions = length
            values = vectors.flatMap { $0 }
        }

        package init(_ name: String, dimensions: Int, values: [Float]) {
            nameBytes = ByBytes(name)
            self.dimensions = dimensions
            self.values = values
        }

        public var count: Int { dimensions == 0 ? 0 : values.count / dimensions }
        public subscript(index: Int) -> ArraySlice<Float> { values[index * dimensions..<(index + 1) * dimensions] }
    }

    /// Empty: there are none.
    package let encoded: Data

    public static let none = Vectors()
    private init() { encoded = Data() }

    /// Of several spaces of one name the last counts; one without vectors is none.
    public init(_ spaces: [Space]) {
        var kept: [Space] = []
        for space in spaces {
            kept.removeAll { $0.name.hasSameBytes(as: space.name) }
            if space.count > 0 { kept.append(space) }
        }
        kept.sort { $0.name.precedesByBytes($1.name) }
        encoded = kept.isEmpty ? Data() : Self.encode(kept)
    }

    /// - Precondition: they were encoded here, or ``isSound(_:)``.
    package init(encoded: Data) { self.encoded = encoded }

    public var isEmpty: Bool { encoded.isEmpty }

    /// By the bytes of their names.
    public var spaces: [Space] { Self.decode(encoded) ?? [] }

    package func space(_ name: String) -> Space? { spaces.first { $0.name.hasSameBytes(as: name) } }

    /// Of one vector, whoever made it.
    package static let mostDimensions = 8192
    /// Of one record.
    package static let most = 1000
    package static let mostSpaces = 16
    /// Of a space, in bytes.
    package static let longestName = 256

    // MARK: Bytes

    private static func encode(_ spaces: [Space]) -> Data {
        var encoder = CanonicalEncoder(capacity: 64 + spaces.reduce(0) { $0 + 4 * $1.values.count })
        encoder.word(UInt64(spaces.count))
        for space in spaces {
            encoder.string(space.name)
            encoder.word(UInt64(space.dimensions))
            encoder.word(UInt64(space.count))
            space.values.withUnsafeBytes { encoder.raw(Array($0)) }
        }
        return Data(encoder.bytes)
    }

    /// Whether bytes from outside are vectors.
    package static func isSound(_ bytes: Data) -> Bool {
        guard let spaces = decode(bytes), !bytes.isEmpty, !spaces.isEmpty else { return false }
        return spaces.allSatisfy { $0.fault == nil } && Vectors(spaces).encoded == bytes
    }

    private static func decode(_ bytes: Data) -> [Space]? {
        if bytes.isEmpty { return [] }
        var decoder = CanonicalDecoder(bytes)
        do {
            var spaces: [Space] = []
            for _ in 0..<(try decoder.count(least: 28)) {
                let name = try decoder.text()
                let (dimensions, count) = (try decoder.word(), try decoder.word())
                // What is more than may be sent is read all the same: whoever looks at it tells.
                guard dimensions <= 1 << 24, count <= 1 << 24 else { return nil }
                let raw = try decoder.raw(Int(dimensions * count) * 4)
                let values = [Float](unsafeUninitializedCapacity: Int(dimensions * count)) { floats, filled in
                    _ = UnsafeMutableRawBufferPointer(floats).initializeMemory(as: UInt8.self, from: raw)
                    filled = Int(dimensions * count)
                }
                spaces.append(Space(name, dimensions: Int(dimensions), values: values))
            }
            return decoder.isAtEnd ? spaces : nil
        } catch {
            return nil
        }
    }
}

extension Vectors: CustomStringConvertible {
    public var description: String {
        "[" + spaces.map { "\($0.name): \($0.count) × \($0.dimensions)" }.joined(separator: ", ") + "]"
    }
}
