import Foundation
import Membus

@testable import MembusCommand
@testable import MembusModel

// What people and strangers write in one line: keys, topics, branches, tokens, lengths of time, moments, pairs.

extension FuzzTarget {
    static let names = FuzzTarget(name: "names", check: checkNames, seeds: nameSeeds)
}

private func checkNames(_ bytes: [UInt8]) throws {
    // Lines, so that an input can hold names that have something to do with one another.
    let lines = bytes.split(separator: 0x0A, maxSplits: 7, omittingEmptySubsequences: false)
    let texts = lines.compactMap { String(validating: $0, as: UTF8.self) }
    for text in texts {
        try checkKey(text)
        try checkTopic(text)
        try checkBranch(text)
        try checkToken(text)
        try checkTimes(text)
        _ = try? Pair(text).link()
        _ = ConfigurationFile.events(besides: text)
        try require(
            !text.escapingControlCharacters.unicodeScalars.contains { $0.properties.generalCategory == .control },
            "a control character is left")
    }
    try checkFilter(texts)
}

/// The rules of a key, word for word, without the short cut for plain ones.
private func isPath(_ text: String) -> Bool {
    if text.isEmpty || text.utf8.count > 1024 { return false }
    if text.unicodeScalars.contains(where: { $0.value < 0x20 || 0x7F...0x9F ~= $0.value }) { return false }
    return text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
        !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
    }
}

private func check<T>(
    _ text: String, is valid: Bool, _ make: (String) throws(InvalidName) -> T, _ shown: (T) -> String
) throws {
    switch Result(catching: { () throws(InvalidName) in try make(text) }) {
    case .success(let name):
        try require(valid, "taken although it breaks the rules")
        try require(shown(name).utf8.elementsEqual(text.utf8), "the name is not what was written")
    case .failure(let error):
        try require(!valid, "refused although it keeps the rules: \(error)")
        try requireClear(error.description, most: 1200, "name")
    }
}

private func checkKey(_ text: String) throws {
    try check(text, is: isPath(text), { (text) throws(InvalidName) in try Key(text) }, \.text)
}

private func checkTopic(_ text: String) throws {
    let valid =
        text == "/"
        || isPath(text.utf8.last == UInt8(ascii: "/") ? String(decoding: text.utf8.dropLast(), as: UTF8.self) : text)
    try check(text, is: valid, { (text) throws(InvalidName) in try Topic(text) }, \.text)
}

private func checkBranch(_ text: String) throws {
    let valid = isPath(text) && text.utf8.count <= 128 && !text.utf8.contains(UInt8(ascii: "/"))
    try check(text, is: valid, { (text) throws(InvalidName) in try BranchName(text) }, \.text)
}

private func checkToken(_ text: String) throws {
    guard let token = Token(text) else { return }
    try require(token.revision >= 0, "a negative revision")
    try require(Token(token.description) == token, "a token reads differently once it was written")
}

private func checkTimes(_ text: String) throws {
    let now = Timestamp(milliseconds: 1_800_000_000_000)
    if let name = try? StateName(text) { _ = name.description }
    if let span = Span(parsing: text) {
        try require(span.duration >= .zero, "a length of time below 0")
        _ = (Human.duration(span.duration), now.advanced(by: span.duration).shown)
    }
    if let moment = Moment(text, now: now) { _ = moment.timestamp.shown }
}

/// A filter matches what one of its topics matches, also after those that others cover were left out.
private func checkFilter(_ texts: [String]) throws {
    let topics = texts.compactMap { try? Topic($0) }
    let keys = texts.compactMap { try? Key($0) }
    guard !topics.isEmpty else { return }
    let filter = TopicFilter(topics)
    try require(filter == TopicFilter(topics.reversed()), "the order of topics makes another filter")
    try require(filter == TopicFilter(filter.topics), "a filter's topics make another filter")
    var index = TopicIndex()
    index.insert(1, filter)
    for key in keys {
        var isFound = false
        index.forEachTopic(of: key) { _, _ in isFound = true }
        try require(
            isFound == filter.matches(key), "an event of \(key) reaches a stream of \(filter), or does not, wrongly")
        try require(
            filter.matches(key) == topics.contains { $0.matches(key) }, "\(filter) and its topics differ about \(key)")
        for (a, b) in zip(topics, topics.dropFirst()) where a.covers(b) && b.matches(key) {
            try require(a.matches(key), "\(a) covers \(b), but not \(key)")
        }
    }
}

private func nameSeeds() throws -> [[UInt8]] {
    [
        "plans/paris/day-1\nplans/\n/\nplans", "main\ntry-1\nä/b c", "a//b\n./a\na/..\n/a\na/",
        "00000000000000ff:12:0123456789abcdef",
        "1h30m\n500ms\n7d\n10\n2w", "2026-03-01\n2026-03-01T12:00:00Z\n2026-03-01T12:00:00.250+01:00\n1700000000000",
        "name=a=b\nof=plans/x",
        "tcp://127.0.0.1:7401\nipc:///tmp/x\ntcp://[::1]:65535", "e\u{301}\u{301}\u{301}\u{7}\n\u{85}\n\u{2028}",
    ].map { Array($0.utf8) }
}
