import Foundation

@testable import MembusMeaning

// Any text, cut into tokens by a small model's words.

extension FuzzTarget {
    static let tokens = FuzzTarget(name: "tokens", check: checkTokens, seeds: tokenSeeds)
}

private let model = Result { try openedSample() }

/// Mapped files stay until nobody has them.
private func openedSample() throws -> MeaningModel {
    let path = NSTemporaryDirectory() + "membus-fuzz-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    defer { unlink(path) }
    try Data(SampleModel.packed).write(to: URL(fileURLWithPath: path))
    return try MeaningModel.open(path)
}

private func checkTokens(_ bytes: [UInt8]) throws {
    let model = try model.get()
    let text = String(decoding: bytes, as: UTF8.self)
    let all = model.tokenizer.tokens(of: text, atMost: bytes.count * 20 + 2)
    let (start, end) = (
        try require(SampleModel.number("[CLS]"), "no [CLS]"), try require(SampleModel.number("[SEP]"), "no [SEP]")
    )
    try require(all.first == start && all.last == end, "tokens that do not stand between [CLS] and [SEP]")
    try require(all.allSatisfy { $0 < SampleModel.words.count }, "a token that is no word")
    let pieces = all.dropFirst().dropLast()
    try require(model.tokenCount(text) == pieces.count, "counted they are others")
    for limit in [2, 3, model.longest] {
        let few = model.tokenizer.tokens(of: text, atMost: limit)
        try require(few == [start] + pieces.prefix(limit - 2) + [end], "the first \(limit) are others than of all")
    }
    // No token reaches across a line's end.
    let twice = model.tokenizer.tokens(of: text + "\n" + text, atMost: bytes.count * 40 + 2)
    try require(twice == [start] + pieces + pieces + [end], "twice the text is not twice its tokens")
    try checkPlainly(text, Array(pieces))
    if bytes.count < 200 { try require(model.embed(text).allSatisfy(\.isFinite), "a vector that is none") }
}

/// ASCII without names, word for word.
private func checkPlainly(_ text: String, _ pieces: [UInt32]) throws {
    guard text.utf8.allSatisfy({ $0 < 0x80 }), !text.utf8.contains(UInt8(ascii: "[")) else { return }
    var words: [String] = [""]
    for scalar in text.lowercased().unicodeScalars {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20: words.append("")
        case 0..<0x20, 0x7F: break
        default:
            if scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
                words[words.count - 1].unicodeScalars.append(scalar)
            } else {
                words += [String(scalar), ""]
            }
        }
    }
    let expected = words.filter { !$0.isEmpty }.flatMap(plainPieces)
    try require(pieces == expected, "\(pieces) instead of \(expected)")
}

private func plainPieces(_ word: String) -> [UInt32] {
    let unknown = SampleModel.number("[UNK]") ?? 0
    if word.count > 100 { return [unknown] }
    var (pieces, rest): ([UInt32], Substring) = ([], word[...])
    while !rest.isEmpty {
        let fits = (1...rest.count).reversed().first {
            SampleModel.number((pieces.isEmpty ? "" : "##") + rest.prefix($0)) != nil
        }
        guard let fits, let number = SampleModel.number((pieces.isEmpty ? "" : "##") + rest.prefix(fits)) else {
            return [unknown]
        }
        pieces.append(number)
        rest = rest.dropFirst(fits)
    }
    return pieces
}

extension SampleModel {
    fileprivate static func number(_ word: String) -> UInt32? { words.firstIndex(of: word).map { UInt32($0) } }
}

private func tokenSeeds() throws -> [[UInt8]] {
    [
        "a train, trains training: the unknown", "[CLS]a[MASK] [UNK", "東京 é e\u{301}\u{301} É\u{200B}e \u{1F600}",
        "\0\u{1}\u{7F}a\u{FFFD}\u{AD}a\r\n\ta\u{3000}a\u{2028}", String(repeating: "train", count: 30), "##s ##",
        "İ ß ﬁ \u{1E9E} \u{0345}a" + String(repeating: "\u{301}", count: 80), "the-the_the",
    ].map { Array($0.utf8) }
}
