import Foundation
import MembusModel

@testable import MembusSearch

// Values on their way into the index. An input is a byte for the kind, then the value: what is looked through of it, the
// words of that, the passages that it is cut into, and the postings that come of it all.

extension FuzzTarget {
    static let recordText = FuzzTarget(name: "text", check: checkRecordText, seeds: recordTextSeeds)
}

private let kinds: [Kind] = [.text, .json, .counter, Kind("note")]

private func checkRecordText(_ bytes: [UInt8]) throws {
    let kind = kinds[Int(bytes.first ?? 0) & 3]
    let value = Data(bytes.dropFirst())
    let record = Record(
        key: Key(unchecked: "notes/day-1"), revision: 3, kind: kind, content: .inline(value),
        // Names go another way than bodies.
        attributes: ["about": String(decoding: value.prefix(300), as: UTF8.self)])
    let version = StoredText(record: record, author: "ada", message: "noted")
    let text = RecordText(version)
    try checkBody(text, of: kind, value)
    let splitter = try WordSplitter()
    let (words, inMembers, parts) = try text.body.withUnsafeBufferPointer { body in
        let words = splitter.split(body)
        try checkSpans(words, in: body)
        let parts = Passages.cut(body, words)
        try check(parts, of: body, words)
        let named = text.members.filter { !$0.path.isEmpty }
        let inMembers = words.spans.count { span in named.contains { $0.bytes.contains(Int(span.from)) } }
        return (words.count, inMembers, parts.count)
    }
    try checkPostings(of: version, words: words, inMembers: inMembers, passages: parts, splitter)
}

// MARK: What is looked through

private func checkBody(_ text: RecordText, of kind: Kind, _ value: Data) throws {
    var expected = String(validating: value, as: UTF8.self).map { Array($0.utf8) } ?? []
    if kind == .counter { expected = [] }
    if kind == .json, let json = try? JSON(parsing: value) {
        // Lines from the first that is not empty on.
        expected = Array(strings(of: json).drop(while: \.isEmpty).joined(separator: [0x0A]))
    }
    try require(text.body == expected, "the body is not what the value says")
    var last = 0
    for place in text.breaks {
        try require(place > last && place <= text.body.count, "breaks out of order, or beyond the end: \(text.breaks)")
        try require(text.body[place - 1] == 0x0A, "a break that is not behind the end of a line")
        last = place
    }
    try checkMembers(text)
}

private func checkMembers(_ text: RecordText) throws {
    var end = 0
    for member in text.members {
        try require(
            member.bytes.lowerBound >= end && member.bytes.upperBound <= text.body.count,
            "members overlap, or go beyond")
        try require(
            member.bytes.lowerBound == 0 || text.body[member.bytes.lowerBound - 1] == 0x0A, "a member within a line")
        end = member.bytes.upperBound
    }
    try require(text.members.isEmpty || end == text.body.count, "a string of no member")
}

private func strings(of json: JSON) -> [[UInt8]] {
    switch json {
    case .scalar: json.plainString.map { [Array($0)] } ?? []
    case .array(let elements): elements.flatMap(strings)
    case .object(let members): members.flatMap { strings(of: $0.1) }
    }
}

// MARK: Words and passages

private func checkSpans(_ words: WordSplitter.Words, in body: UnsafeBufferPointer<UInt8>) throws {
    var (end, to) = (0, 0)
    for span in words.spans {
        try require(Int(span.end) > end, "a word of nothing")
        try require(
            Int(span.from) >= to && span.from < span.to && Int(span.to) <= body.count, "a word out of its place")
        try require(isWhole(body[Int(span.from)..<Int(span.to)]), "a word is cut within a character")
        (end, to) = (Int(span.end), Int(span.to))
    }
    try require(words.bytes.count == end, "bytes of no word")
    try require(words.bytes.allSatisfy { $0 >= 0x20 }, "a control character in a word")
}

/// Halves of surrogates, which JSON allows, are characters too.
private func isWhole(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    let body = bytes.base
    return [bytes.startIndex, bytes.endIndex].allSatisfy { $0 == body.count || body[$0] & 0xC0 != 0x80 }
}

private func check(
    _ parts: [Passages.Part], of body: UnsafeBufferPointer<UInt8>, _ words: WordSplitter.Words
) throws {
    try require(!parts.isEmpty, "a value without a passage")
    var (bytes, word) = (0, 0)
    for part in parts {
        try require(
            part.bytes.lowerBound >= bytes && part.bytes.upperBound <= body.count, "passages overlap, or go beyond")
        try require(part.words.lowerBound == word, "words between two passages, or in both")
        try require(part.words.count <= Passages.mostWords, "a passage of \(part.words.count) words")
        try require(!part.words.isEmpty || parts.count == 1, "a passage without a word beside others")
        try require(isWhole(body[part.bytes]), "a passage is cut within a character")
        for span in words.spans[part.words] {
            try require(
                part.bytes.contains(Int(span.from)) && Int(span.to) <= part.bytes.upperBound,
                "a word of a passage that does not lie in it")
        }
        (bytes, word) = (part.bytes.upperBound, part.words.upperBound)
    }
    try require(word == words.count, "words behind the last passage")
}

// MARK: Postings

/// What is gathered is read back; each word of the body has one place, and one in the member that it is of.
private func checkPostings(
    of version: StoredText, words: Int, inMembers: Int, passages: Int, _ splitter: WordSplitter
) throws {
    let pending = PendingPostings()
    let units = RecordIndexer(splitter).index(version, from: 5, into: pending)
    try require(units.count == passages, "\(units.count) units of \(passages) passages")
    try require(units.reduce(0) { $0 + Int($1.words) } == words, "words are counted in no passage, or twice")
    let encoder = PostingEncoder()
    var (placed, members, sizes): (Int, Int, Int) = (0, 0, 0)
    var places: [Int32] = []
    for number in 0..<pending.terms.count {
        pending.encode(number, by: encoder)
        var reader = PostingReader(first: encoder.first, bytes: encoder.block.bytes, places: encoder.places.bytes)
        let sort = pending.terms.withTerm(number) { $0.first }
        var last: UInt32?
        while let posting = try reader.next() {
            try reader.nextPlaces(of: posting, into: &places)
            try require(
                posting.unit >= 5 && posting.unit < 5 + UInt32(passages), "a posting of another value's passage")
            try require(last.map { $0 < posting.unit } ?? true, "a passage stands twice in a block")
            try require(
                posting.written <= posting.frequency && places.count <= posting.frequency, "a posting counts too little"
            )
            try require(posting.frequency > 0 || posting.isName, "a posting of nothing")
            switch sort {
            case TermNames.member: members += places.count
            case TermNames.size: sizes += Int(posting.frequency)
            default: placed += places.count
            }
            last = posting.unit
        }
        try require(last == encoder.last, "a block ends elsewhere than it says")
    }
    try require(placed == words, "\(placed) places of \(words) words")
    try require(
        members == inMembers && sizes == inMembers, "\(members) places, \(sizes) told, of \(inMembers) in members")
}

private func recordTextSeeds() throws -> [[UInt8]] {
    let long = (0..<400).map { $0 % 90 == 89 ? "word." : "w\($0 % 7)" }.joined(separator: " ")
    return [
        [0] + Array("The night train. It ran!\nTo Zürich?  Ja…  snake_case parseHTTPRequest src/a.swift e\u{301}".utf8),
        [0] + Array(long.utf8), [3] + Array(("," + long.replacing(".", with: "") + "\n\n—\n" + long).utf8),
        [1]
            + Array(
                #"{"title":"caf\u00e9","at":{"city":"Paris","n":4,"x":["","b c",["d"]]},"":"\u0001\u0000","on":true}"#
                    .utf8),
        [1] + Array(#"["a","a","","\ud83d\ude00 night train",{"k":{"k":"v"}}]"#.utf8), [1] + Array("{broken".utf8),
        [2] + Array("42".utf8), [3, 0xFF, 0xFE, 0x41], [0, 0, 0x41, 0, 0x42],
    ]
}
