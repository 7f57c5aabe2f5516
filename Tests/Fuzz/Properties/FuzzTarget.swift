// What is fuzzed: each door through which bytes from outside come in, with what must hold for any bytes.
//
// The same properties run in two places: under libFuzzer (`deploy/fuzz`, Entry/), and in the ordinary test suite
// (Replay/), which replays the committed corpora and seeded mutations of them.

/// One door, and what must hold of whatever comes through it.
struct FuzzTarget: Sendable {
    let name: String
    /// - Throws: ``Violation`` if a property does not hold. A trap is one too.
    let check: @Sendable ([UInt8]) throws -> Void
    /// Valid inputs, made by our own encoders, from which a corpus starts.
    var seeds: @Sendable () throws -> [[UInt8]] = { [] }
    /// Mutations per corpus file in the test suite.
    var mutations = 60

    static let all: [FuzzTarget] = [
        .request, .reply, .published, .warm, .transaction, .importLine, .json, .names, .configuration, .stored, .client,
        .broker, .frames, .eventFrames, .file, .batch, .mcp, .question, .recordText, .columns, .postings, .query,
        .model,
        .weights, .tokens, .endpoint,
    ]

    static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// A property that does not hold.
struct Violation: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func require(_ holds: Bool, _ what: @autoclosure () -> String) throws(Violation) {
    if !holds { throw Violation(what()) }
}

func require<T>(_ value: T?, _ what: @autoclosure () -> String) throws(Violation) -> T {
    guard let value else { throw Violation(what()) }
    return value
}

/// An error that a person can act on: it says something, and not too much of what it was given.
func requireClear(_ error: String, most: Int = 4096, _ what: @autoclosure () -> String) throws(Violation) {
    try require(!error.isEmpty, "\(what()): the error says nothing")
    try require(error.utf8.count <= most, "\(what()): the error has \(error.utf8.count) bytes: \(error.prefix(200))")
}

/// Takes an input apart into pieces: for targets whose input is a script.
struct Script {
    private var rest: ArraySlice<UInt8>
    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }
    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// A piece behind its length, of one byte, or of two (big-endian) behind 255.
    mutating func piece() -> [UInt8] {
        var count = Int(byte())
        if count == 255 { count = Int(byte()) << 8 | Int(byte()) }
        defer { rest = rest.dropFirst(count) }
        return [UInt8](rest.prefix(count))
    }

    static func written(_ piece: [UInt8]) -> [UInt8] {
        let count = piece.count
        if count < 255 { return [UInt8(count)] + piece }
        return [255, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)] + piece
    }
}
