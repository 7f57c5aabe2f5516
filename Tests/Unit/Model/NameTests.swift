import MembusModel
import Testing

@Suite("Names")
struct NameTests {
    @Test(
        "valid keys are taken as they are",
        arguments: ["a", "plans/paris/day-1", "été/🙂", "...", ".a/b.", "a b", "e\u{301}", "%2F"])
    func keys(text: String) throws {
        #expect(try Array(Key(text).text.utf8) == Array(text.utf8))
        #expect(try Topic(text).isPrefix == false)
    }

    @Test(
        "invalid keys are refused, and the reason named",
        arguments: [
            ("", "is empty"), ("/", "empty segment"), ("/a", "empty segment"), ("a/", "empty segment"),
            ("a//b", "empty segment"),
            (".", "'.' or '..'"), ("a/./b", "'.' or '..'"), ("a/..", "'.' or '..'"), ("a\nb", "control"),
            ("a\0", "control"),
            ("a\u{7f}", "control"), ("a\u{85}", "control"), (String(repeating: "é", count: 513), "longer than 1024"),
        ])
    func invalidKeys(text: String, reason: String) {
        #expect { try Key(text) } throws: { ($0 as? InvalidName)?.reason.contains(reason) == true }
    }

    @Test("the longest key has 1,024 bytes")
    func longest() throws {
        _ = try Key(String(repeating: "é", count: 512))
        #expect(throws: InvalidName.self) { try Topic(String(repeating: "a", count: 1025)) }
    }

    @Test("a branch's name holds no slash, also not one that a mark makes part of another character")
    func slashInBranch() {
        #expect(throws: InvalidName.self) { try BranchName("a/b") }
        #expect(throws: InvalidName.self) { try BranchName("a/\u{301}b") }
    }

    @Test("marks that pile up on one letter do not carry a long name into the error")
    func piledUp() {
        let name = "a" + String(repeating: "\u{301}", count: 100_000)
        #expect(InvalidName(.key, name, "x").description.utf8.count < 300)
        var limits = Limits()
        limits.nameBytes = 16
        let failure = Transaction(context: name).shapeRefusal(limits: limits)
        #expect((failure?.message.utf8.count ?? .max) < 300)
    }

    @Test("what moves the cursor or turns the line around is shown by its number, and no other character")
    func escapes() {
        for value in [0x1B, 0x7F, 0x85, 0x061C, 0x200E, 0x200F, 0x202A, 0x202E, 0x2066, 0x2069] as [UInt32] {
            let scalar = Unicode.Scalar(value).map(String.init) ?? ""
            let shown = "\\u{" + String(value, radix: 16) + "}"
            #expect("a\(scalar)b".escapingControlCharacters.hasSameBytes(as: "a\(shown)b"))
        }
        let plain = "é שלום عربي 👩\u{200D}👩 \u{2065}\u{206A}\u{2029}"
        #expect(plain.escapingControlCharacters.hasSameBytes(as: plain))
    }

    @Test("an error shows no control characters and not all of a long name")
    func shown() {
        #expect(InvalidName(.key, "a\u{1b}[2J", "x").description.contains("\u{1b}") == false)
        #expect(InvalidName(.key, String(repeating: "a", count: 5000), "x").description.count < 200)
    }

    @Test("names are compared byte by byte, never normalised")
    func bytes() throws {
        let composed = "\u{e9}"
        let decomposed = "e\u{301}"
        #expect(composed == decomposed)  // as Swift's strings
        #expect(try Key(composed) != Key(decomposed))
        #expect(try Topic(composed) != Topic(decomposed))
        #expect(try BranchName(composed) != BranchName(decomposed))
        #expect(try Set([BranchName(composed), BranchName(decomposed), BranchName(composed)]).count == 2)
        #expect(try Key("B") < Key("a") && Key("a") < Key("a/b") && Key("a-") < Key("a/" + "b") && Key("z") < Key("é"))
    }

    @Test("a topic is everything, a prefix or one exact key")
    func topicKinds() throws {
        #expect(try Topic("/").isEverything && Topic("/").prefix == "")
        #expect(try Topic("a/").prefix == "a/" && Topic("a").prefix == nil)
        for text in ["", "//", "/a", "a//", "a/./", "../"] { #expect(throws: InvalidName.self) { try Topic(text) } }
    }

    @Test(
        "a and ab are different topics, and a/ does not hold a",
        arguments: [
            ("a", "a", true), ("a", "ab", false), ("a", "a/b", false), ("a/", "a", false), ("a/", "ab", false),
            ("a/", "a/b", true),
            ("a/", "a/b/c", true), ("a/", "ab/c", false), ("ab/", "a/b", false), ("/", "a", true), ("/", "a/b/c", true),
        ])
    func matching(topic: String, name: String, matches: Bool) throws {
        #expect(try Topic(topic).matches(Key(name)) == matches)
        #expect(try TopicFilter([Topic("zz"), Topic(topic)]).matches(Key(name)) == matches)
    }

    @Test(
        "a filter is sorted and has no topic that another covers",
        arguments: [
            (["b", "a"], "a b"), (["a", "a"], "a"), (["a/b", "a/", "a"], "a a/"),
            (["a/b/", "a/b", "a/b/c"], "a/b a/b/"),
            (["a", "ab", "a/"], "a a/ ab"), (["-x", "/", "a/"], "/"), (["a/b", "a-", "a/"], "a- a/"),
        ])
    func normalForm(names: [String], normal: String) {
        #expect(TopicFilter(names.map { Topic(unchecked: $0) }).description == normal)
        #expect(TopicFilter(names.reversed().map { Topic(unchecked: $0) }).description == normal)
    }

    @Test("a filter's normal form matches what its topics match")
    func normalFormMatches() {
        let seed = drawSeed()
        var numbers = SeededRandom(seed: seed)
        func path() -> String {
            (0..<Int.random(in: 1...3, using: &numbers)).map { _ in
                ["a", "b", "ab", "-"].randomElement(using: &numbers) ?? "a"
            }.joined(separator: "/")
        }
        for _ in 0..<2_000 {
            let topics = (0..<Int.random(in: 1...5, using: &numbers)).map { _ in
                Topic(unchecked: path() + (Bool.random(using: &numbers) ? "/" : ""))
            }
            let filter = TopicFilter(topics)
            for _ in 0..<10 {
                let name = key(path())
                #expect(filter.matches(name) == topics.contains { $0.matches(name) }, "seed \(seed): \(topics) \(name)")
            }
            for name in filter.topics {
                #expect(!filter.topics.contains { $0 != name && $0.covers(name) }, "seed \(seed): \(topics)")
            }
        }
    }

    @Test("a branch is one segment of at most 128 bytes")
    func branches() throws {
        #expect(try BranchName("main") == .main)
        _ = try BranchName(String(repeating: "a", count: 128))
        for text in ["", "a/b", "/", ".", "..", "a\n", String(repeating: "a", count: 129)] {
            #expect(throws: InvalidName.self) { try BranchName(text) }
        }
    }

    @Test("a token's text form is lineage:revision:hash, and reads back")
    func tokens() throws {
        let token = Token(lineage: Lineage(0xAB), position: Position(revision: 42, hash: .max))
        #expect(token.description == "00000000000000ab:42:ffffffffffffffff")
        #expect(Token(token.description) == token)
        #expect(Token("00000000000000AB:42:FFFFFFFFFFFFFFFF") == token)
    }

    @Test(
        "what is no token's text form is refused",
        arguments: [
            "", "::", "00000000000000ab:42", "ab:42:ffffffffffffffff", "00000000000000ab:-1:ffffffffffffffff",
            "00000000000000ab:x:ffffffffffffffff", "00000000000000ab:42:fffffffffffffffg",
            "00000000000000ab:42:ffffffffffffffff:",
            "00000000000000ab:9223372036854775808:ffffffffffffffff", "+0000000000000ab:42:ffffffffffffffff",
            "00000000000000ab:+42:ffffffffffffffff",
        ])
    func noTokens(text: String) {
        #expect(Token(text) == nil)
    }

    @Test("a stream's id has 16 bytes, and survives them")
    func streamIDs() {
        let id = StreamID(high: 0x0102_0304_0506_0708, low: 0xFFEE_DDCC_BBAA_9988)
        #expect(Array(id.bytes.prefix(3)) == [1, 2, 3] && id.bytes.count == 16)
        #expect(StreamID(bytes: id.bytes) == id)
        #expect(StreamID(bytes: id.bytes.dropLast()) == nil && StreamID(bytes: id.bytes + [0]) == nil)
        #expect(Array(StreamID.heartbeat.bytes) == [UInt8](repeating: 0xFF, count: 16))
    }
}
