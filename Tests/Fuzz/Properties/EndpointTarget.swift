import Foundation
import MembusModel

@testable import MembusEndpoint

// What an endpoint answers: vectors, which must be the ones that a reader of trees finds, or a refusal, of which a line is
// shown. The first byte says how many vectors are expected, and whether their dimensions are known.

extension FuzzTarget {
    static let endpoint = FuzzTarget(name: "endpoint", check: checkAnswer, seeds: answerSeeds)
}

private let key = "sk-fuzz"

private func checkAnswer(_ bytes: [UInt8]) throws {
    let (count, dimensions) = (Int((bytes.first ?? 0) & 7) + 1, (bytes.first ?? 0) & 8 == 0 ? nil : 2)
    let body = Data(bytes.dropFirst())
    try checkWords(body)
    let tree = try? JSON(parsing: body)
    do {
        let vectors = try EmbeddingReply.vectors(in: body, of: count, dimensions: dimensions)
        try require(vectors.count == count, "\(vectors.count) vectors for \(count) texts")
        let expected = dimensions ?? vectors[0].count
        try require(expected > 0 && vectors.allSatisfy { $0.count == expected }, "of different dimensions")
        for vector in vectors {
            let length = vector.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
            try require(length.isFinite && length > 0, "a vector of no direction")
        }
        let tidy = try require(tree, "it is no JSON").serialised
        let again = try EmbeddingReply.vectors(in: tidy, of: count, dimensions: dimensions)
        try require(again == vectors, "without white space they are others")
        try checkPlainly(vectors, try require(tree, "it is no JSON"))
    } catch EmbeddingReply.Fault.unreadable(let what) {
        try requireClear(what, "unreadable")
    } catch EmbeddingReply.Fault.lie(let what) {
        try requireClear(what, most: 200, "a lie")
    }
}

/// Numbers as Foundation reads them, at the places that the tree gives.
private func checkPlainly(_ vectors: [[Float]], _ tree: JSON) throws {
    guard case .array(let items)? = member("data", of: tree) else { throw Violation("no data") }
    try require(items.count == vectors.count, "other vectors")
    for item in items {
        guard case .scalar(let index)? = member("index", of: item), let place = Int(text(index)),
            let written = member("embedding", of: item)
        else { throw Violation("no index or no vector") }
        guard case .array(let numbers) = written else { continue }
        try require(numbers.count == vectors[place].count, "other dimensions")
        for (number, value) in zip(numbers, vectors[place]) {
            guard case .scalar(let digits) = number else { throw Violation("a number that is none") }
            let expected = strtof(text(digits), nil)
            try require(abs(expected - value) <= expected.ulp, "\(text(digits)) became \(value)")
        }
    }
}

private func member(_ name: String, of value: JSON) -> JSON? {
    guard case .object(let members) = value else { return nil }
    return members.first { $0.key.plain.elementsEqual(name.utf8) }?.value
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private func checkWords(_ body: Data) throws {
    let words = RefusalText.words(in: body, hiding: key)
    try require(words.utf8.count <= 8192, "a refusal of \(words.utf8.count) bytes")
    try require(!words.contains(key), "the key is shown")
    try require(
        words.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }, "control characters are shown")
    let now = Timestamp(milliseconds: 1_000_000_000_000)
    if let wait = RetryAfter.wait(String(decoding: body, as: UTF8.self), now: now) {
        try require(wait >= .zero && wait < .seconds(1 << 40), "a wait of \(wait)")
    }
}

private func answerSeeds() throws -> [[UInt8]] {
    let answers: [(UInt8, String)] = [
        (1, #"{"data":[{"index":1,"embedding":[0.5,-1e-3]},{"object":"embedding","index":0,"embedding":[3,4E+2]}]}"#),
        (8, #"{"object":"list","data":[{"index":0,"embedding":"AACAPwAAAMA="}],"usage":{"total_tokens":5}}"#),
        (0, #"{"d\u0061ta":[{"index":0,"embedding":[1.17549435e-38,123456789012345678901234567890,1e999]}]}"#),
        (0, #"{"data":[{"index":0,"embedding":[NaN,"0",null]}]}"#), (0, #"{"data":[],"data":[[]]}"#),
        (0, #"{"error":{"message":"no sk-fuzz\n\u0007","code":401}}"#), (0, #"{"detail":"gone"}"#), (0, "<html>\u{7}"),
        (0, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "120"),
    ]
    return answers.map { [$0] + Array($1.utf8) }
}
