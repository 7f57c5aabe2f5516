import Foundation
import MembusModel

/// Random values of the model in the form that survives a journey over the wire (whole milliseconds, no
/// optional that holds its own "none").
struct Samples {
    var random: SeededRandom
    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    mutating func pick<T>(_ choices: [T]) -> T { choices.randomElement(using: &random) ?? choices[0] }
    mutating func maybe<T>(_ value: (inout Samples) -> T) -> T? { Bool.random(using: &random) ? value(&self) : nil }
    mutating func list<T>(_ most: Int = 4, _ value: (inout Samples) -> T) -> [T] {
        (0..<Int.random(in: 0...most, using: &random)).map { _ in value(&self) }
    }
    mutating func flag() -> Bool { Bool.random(using: &random) }
    mutating func word() -> UInt64 { pick([0, 1, .max, random.next()]) }
    mutating func present() -> UInt64 { pick([1, .max, random.next() | 1]) }
    mutating func small() -> Int { Int.random(in: 0...100_000, using: &random) }
    mutating func revision() -> Revision { pick([0, 1, .max, Int64(small())]) }
    mutating func positive() -> Int64 { pick([1, .max, Int64(small()) + 1]) }
    mutating func time() -> Timestamp { Timestamp(milliseconds: pick([1, 1_700_000_000_000, Int64(small()) + 1])) }
    mutating func text() -> String {
        pick(["", "a", "Zürich ✈️ 東京", "line\nbreak", String(repeating: "x", count: 300)])
    }
    mutating func someText() -> String { pick(["a", "planner", "Grüße", "json"]) }
    mutating func data() -> Data { pick([Data(), Data([0]), Data("text".utf8), Data((0..<200).map { UInt8($0) })]) }
    mutating func key() -> Key {
        Key(unchecked: pick(["plans", "plans/paris/day-1", "people/ada", "ä/b c", "\(small())/x"]))
    }
    mutating func branch() -> BranchName { BranchName(unchecked: pick(["main", "try-1", "ü"])) }
    mutating func topic() -> Topic {
        Topic(unchecked: pick(["/", "plans/", "plans/paris", "people/", "t\(small())/"]))
    }
    mutating func read(on branch: BranchName?, isOwn: Bool) -> ReadVersion {
        flag()
            ? ReadVersion(.key(key()), version: revision(), on: branch, cut: revision(), isOwn: isOwn)
            : ReadVersion(.topic(topic()), on: branch, cut: revision(), isOwn: isOwn)
    }
    mutating func filter() -> TopicFilter { TopicFilter([topic()] + list { $0.topic() }) }
    mutating func stream() -> StreamID { StreamID(high: word(), low: word()) }
    mutating func position() -> Position { Position(revision: revision(), hash: word()) }
    mutating func token() -> Token { Token(lineage: Lineage(word()), position: position()) }
    mutating func cursor() -> LogCursor {
        pick([LogCursor(revision: revision(), ordinal: UInt32(small())), .end(of: revision())])
    }
    mutating func pageToken() -> PageToken {
        let content: PageToken.Content =
            flag() ? .snapshot(after: maybe { $0.key() }) : .changes(base: position(), after: cursor())
        return PageToken(content: content, target: position())
    }
    mutating func bookmark() -> Bookmark {
        Bookmark(position: position(), last: revision(), nonce: maybe { $0.present() })
    }
    mutating func attributes() -> Attributes {
        Attributes(list { (key: $0.someText(), value: $0.text()) })
    }
    mutating func links() -> [Link] { list { Link(relation: $0.text(), target: $0.key()) } }

    mutating func record() -> Record {
        if pick([true, false, false, false]) {
            return .deletion(of: key(), revision: revision(), ordinal: UInt32(small()))
        }
        return Record(
            key: key(), revision: revision(), ordinal: UInt32(small()), kind: Kind(someText()),
            content: flag() ? .inline(data()) : .announced(size: small()), attributes: attributes(), links: links(),
            owner: text(), expires: maybe { $0.time() })
    }
    mutating func info() -> CommitInfo {
        CommitInfo(
            revision: revision(), hash: word(), branch: branch(), agent: text(),
            session: maybe { SessionID($0.present()) },
            number: word(), time: time(), context: text(), message: text())
    }
    mutating func commit() -> Commit { Commit(info: info(), records: list { $0.record() }) }
    mutating func precondition() -> Precondition {
        pick([.at(key(), revision()), .absent(key()), .unchanged(topic(), since: revision()), .sound])
    }
    mutating func put() -> Put {
        Put(
            data(), kind: Kind(someText()), attributes: attributes(), links: links(),
            expiry: pick([.never, .after(.milliseconds(small() + 1)), .at(time())]),
            vectors: pick([.none, .none, Vectors([Vectors.Space("mine", [[1, -2.5], [3, 4]])])]))
    }
    mutating func change() -> Change {
        Change(
            key(),
            pick([.put(put()), .delete, .increment(pick([.min, .max, -1, 0])), .append(data()), .mergePatch(data())]))
    }
    mutating func transaction() -> Transaction {
        Transaction(
            branch: branch(), context: text(), message: text(), preconditions: list { $0.precondition() },
            changes: list { $0.change() }, reads: list { $0.read(on: $0.maybe { $0.branch() }, isOwn: $0.flag()) })
    }
    mutating func fork() -> Fork {
        Fork(name: branch(), parent: branch(), at: maybe { $0.revision() }, context: text(), message: text())
    }
    mutating func refusal() -> Refusal {
        Refusal(pick(Refusal.Code.allCases), text(), hint: maybe { $0.text() }, subject: text())
    }
}
