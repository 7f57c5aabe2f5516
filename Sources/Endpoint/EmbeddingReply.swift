import FoundationEssentials
import MembusModel

/// The vectors of an answer, each at its text's place. From the answer, which may be any bytes:
///
///   - Every index from 0 on comes once, in whatever order; members that do not count are passed over.
///   - All vectors have the same dimensions, the expected ones if they are known.
///   - Every number is one that a Float holds, and no vector has a length that can't be brought to 1.
///
/// Nothing is built but the vectors: an answer of brackets and commas takes no more memory than one of numbers.
package struct EmbeddingReply {
    package enum Fault: Error, Hashable, Sendable {
        /// No answer to such a request at all.
        case unreadable(String)
        /// An answer that can't be true.
        case lie(String)
    }

    private let expected: Int?
    private var vectors: [[Float]?]
    private var hasData = false
    /// Told rather than the reader's own fault, which only ends the reading.
    private var lie: Fault?

    /// - Parameter dimensions: `nil`: not known yet.
    package static func vectors(
        in answer: Data, of count: Int, dimensions: Int? = nil
    ) throws(Fault) -> [[Float]] {
        var reply = EmbeddingReply(of: count, dimensions: dimensions)
        do throws(JSONFault) {
            try JSONReader.read(answer) { (reader: inout JSONReader) throws(JSONFault) in
                try reply.document(&reader)
            }
        } catch {
            throw reply.lie ?? .unreadable("its answer is no JSON: \(error)")
        }
        guard reply.hasData else { throw .unreadable("its answer has no \"data\"") }
        if let missing = reply.vectors.firstIndex(of: nil) { throw .lie("there is no vector for index \(missing)") }
        let found = reply.vectors.compactMap { $0 }
        try check(found, dimensions)
        return found
    }

    private init(of count: Int, dimensions: Int?) {
        vectors = Array(repeating: nil, count: count)
        expected = dimensions
    }

    private static func check(_ vectors: [[Float]], _ dimensions: Int?) throws(Fault) {
        let expected = dimensions ?? vectors.first?.count ?? 0
        for (index, vector) in vectors.enumerated() {
            guard vector.count == expected else {
                throw .lie("the vector of index \(index) has \(vector.count) dimensions, not \(expected)")
            }
            if let flaw = flaw(of: vector) { throw .lie("the vector of index \(index) \(flaw)") }
        }
    }

    private static func flaw(of vector: [Float]) -> String? {
        // Beyond these, a length of 1 can't be reckoned in Floats.
        let squares = vector.reduce(Float(0)) { $0 + $1 * $1 }
        if squares.isFinite, squares >= .leastNormalMagnitude { return nil }
        if !vector.allSatisfy(\.isFinite) { return "holds a number that is infinite or none" }
        return vector.allSatisfy { $0 == 0 } ? "is all zeros" : "is too long or too short to be one"
    }

    // MARK: Its parts

    private mutating func document(_ reader: inout JSONReader) throws(JSONFault) {
        guard try reader.next() == UInt8(ascii: "{") else { return try reader.skipValue() }
        try reader.object(0) { (reader: inout JSONReader, name: Range<Int>) throws(JSONFault) in
            guard reader.name(name).plain.elementsEqual("data".utf8) else { return try reader.skipValue(depth: 1) }
            guard !hasData else { throw told("it gives \"data\" twice", reader) }
            hasData = true
            try data(&reader)
        }
    }

    private mutating func data(_ reader: inout JSONReader) throws(JSONFault) {
        guard try reader.next() == UInt8(ascii: "[") else { throw told("its \"data\" is no array", reader) }
        try reader.array(1) { (reader: inout JSONReader) throws(JSONFault) in try item(&reader) }
    }

    private mutating func item(_ reader: inout JSONReader) throws(JSONFault) {
        guard try reader.next() == UInt8(ascii: "{") else { throw told("its \"data\" holds what is no vector", reader) }
        var (place, vector): (Int?, [Float]?)
        try reader.object(2) { (reader: inout JSONReader, name: Range<Int>) throws(JSONFault) in
            let name = reader.name(name).plain
            if name.elementsEqual("index".utf8) {
                guard place == nil else { throw told("one vector has two indices", reader) }
                place = try index(&reader)
            } else if name.elementsEqual("embedding".utf8) {
                guard vector == nil else { throw told("one index has two vectors", reader) }
                vector = try embedding(&reader)
            } else {
                try reader.skipValue(depth: 3)
            }
        }
        guard let place else { throw told("a vector has no index", reader) }
        guard let vector else { throw told("index \(place) has no vector", reader) }
        guard vectors[place] == nil else { throw told("index \(place) comes twice", reader) }
        vectors[place] = vector
    }

    private mutating func index(_ reader: inout JSONReader) throws(JSONFault) -> Int {
        let digits =
            isContainer(try reader.next()) ? nil : String(decoding: try reader.scalar().prefix(20), as: UTF8.self)
        guard let digits, let place = Int(digits), vectors.indices ~= place else {
            throw told("an index is none of 0 to \(vectors.count - 1)", reader)
        }
        return place
    }

    // MARK: A vector

    private mutating func embedding(_ reader: inout JSONReader) throws(JSONFault) -> [Float] {
        switch try reader.next() {
        case UInt8(ascii: "["): return try numbers(&reader)
        case UInt8(ascii: "\""):
            guard let vector = Self.floats(inBase64: try reader.scalar()) else {
                throw told("a vector is text, but not 4 bytes a number in base64", reader)
            }
            return try bounded(vector, reader)
        default: throw told("a vector is no array of numbers", reader)
        }
    }

    private mutating func numbers(_ reader: inout JSONReader) throws(JSONFault) -> [Float] {
        var vector: [Float] = []
        vector.reserveCapacity(expected ?? 0)
        try reader.array(3) { (reader: inout JSONReader) throws(JSONFault) in
            let byte = try reader.next()
            guard byte == UInt8(ascii: "-") || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else {
                throw told("a vector holds what is no number", reader)
            }
            guard vector.count < EmbeddingEndpoint.mostDimensions else {
                throw told("a vector has more than \(EmbeddingEndpoint.mostDimensions) dimensions", reader)
            }
            vector.append(DecimalNumber.float(try reader.scalar()))
        }
        return try bounded(vector, reader)
    }

    private mutating func bounded(_ vector: [Float], _ reader: JSONReader) throws(JSONFault) -> [Float] {
        guard 1...EmbeddingEndpoint.mostDimensions ~= vector.count else {
            throw told("a vector has \(vector.count) dimensions", reader)
        }
        return vector
    }

    /// Little-endian. PHP writes `/` with an escape.
    private static func floats(inBase64 written: UnsafeRawBufferPointer) -> [Float]? {
        let inside = written.dropFirst().dropLast().filter { $0 != UInt8(ascii: "\\") }
        guard let data = Data(base64Encoded: Data(inside)), data.count % 4 == 0 else { return nil }
        return data.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { place in
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
            }
        }
    }

    private func isContainer(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }

    private mutating func told(_ what: String, _ reader: JSONReader) -> JSONFault {
        lie = lie ?? .lie(what)
        return reader.fault(what)
    }
}
