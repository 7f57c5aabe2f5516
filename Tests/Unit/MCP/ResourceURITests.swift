import MembusModel
import Testing

@testable import MembusMCP

@Suite("Addresses of records")
struct ResourceURITests {
    @Test(
        "what is written is read",
        arguments: [
            ("membus://main/plans/paris", "main", "plans/paris"), ("membus://main/plans/", "main", "plans/"),
            ("membus://main/", "main", "/"),
            ("membus://main/day%20007%25", "main", "day 007%"),
            ("membus://main/%C3%A9", "main", "é"),
        ])
    func reading(text: String, branch: String, topic: String) throws {
        let uri = try #require(ResourceURI(text))
        #expect(uri.branch.text == branch && uri.topic.text == topic && uri.text == text)
    }

    @Test(
        "what is none of ours is none",
        arguments: [
            "", "membus:", "membus://", "membus://main", "file:///etc/passwd", "membus://main/%zz", "membus://main/%f",
            "membus://main/%FF", "membus://main/a//b", "membus://main/../x", "membus:///x", "membus://a%2Fb/x",
            "membus://main/%00",
            "MEMBUS://main/x",
        ])
    func refusing(text: String) { #expect(ResourceURI(text) == nil) }

    @Test("a key of any characters comes back as it was")
    func keys() throws {
        for text in ["a b", "☕/été", "100%", "a?b#c", "a+b&c=d", "~/x", "e\u{301}", "\u{E9}", "a:b@c"] {
            let uri = ResourceURI(branch: .main, key: try Key(text))
            #expect(try #require(ResourceURI(uri.text)).key?.text.utf8.elementsEqual(text.utf8) == true)
            #expect(uri.text.utf8.allSatisfy { 0x21...0x7E ~= $0 })
        }
    }

    @Test("names of a graph become segments of keys, each its own")
    func graphNames() throws {
        let names = ["", ".", "..", "a/b", "%", "%2E", "a b", "Ada Lovelace", "a\nb", "%25"]
        let keys = try names.map { try GraphName.key("graph/entities", [$0]).text }
        #expect(Set(keys.map { ByBytes($0) }).count == names.count)
        #expect(keys.allSatisfy { $0.split(separator: "/").count == 3 })
    }
}
