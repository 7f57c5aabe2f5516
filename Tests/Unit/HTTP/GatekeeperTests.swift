import HTTPTypes
import Testing

@testable import MembusHTTP

@Suite("Who may come in")
struct GatekeeperTests {
    @Test(
        "this machine's own names are known, and nothing that only looks like one",
        arguments: [
            ("localhost", true), ("localhost:7420", true), ("LocalHost", true), ("127.0.0.1:1", true),
            ("127.9.9.9", true),
            ("[::1]", true), ("[::1]:7420", true), ("", false), ("localhost.", false), ("127.0.0.1.example", false),
            ("127.1", false), ("0.0.0.0", false), ("[::]", false), ("[::ffff:127.0.0.1]", false), ("1.127.0.0", false),
            ("example", false), ("localhost@example", false), ("user@localhost", false), ("127.0.0.256", false),
            ("[::1].evil.com", false), ("[::1]evil.com:80", false), ("[::1]:80.evil.com", false), ("[::1", false),
            ("::1", false), ("[::1%lo]", false), ("[127.0.0.1]", false), ("[localhost]", false), ("[::1]]", false),
            ("[[::1]]", false), ("localhost:80:90", false), ("localhost:", false), ("localhost:x", false),
            ("localhost:65536", false), ("localhost:000080", false), ("localhost:+80", false), ("localhost:-1", false),
            ("localhost/", false), ("localhost?x", false), ("localhost#", false), (" localhost", false),
            ("localhost ", false), ("localhost\t", false), ("localhost,evil.com", false),
            ("localhost\\evil.com", false),
            ("localhost%00.evil.com", false), ("local\u{212A}host", false), ("evil.com:localhost", false),
            (":80", false),
            ("127.0.0.1:80", true), ("127.0.0.01", false), ("0x7f.0.0.1", false), ("2130706433", false),
            ("[0:0:0:0:0:0:0:1]:65535", true), ("[::127.0.0.1]", false), ("[]", false), ("[]:80", false),
        ])
    func hosts(authority: String, isOurs: Bool) { #expect((Authority(authority)?.isLoopback ?? false) == isOurs) }

    @Test(
        "an origin is a scheme and an authority, and nothing else",
        arguments: [
            ("http://localhost", true), ("https://127.0.0.1:8443", true), ("http://[::1]:3000", true), ("null", false),
            ("", false), ("file://", false), ("http://", false), ("http://localhost/", false),
            ("http://localhost/x", false), ("http://localhost?x", false), ("http://localhost#x", false),
            ("http://user@localhost", false), ("http://localhost@evil.com", false), ("http://[::1].evil.com", false),
            ("http://[::1]:80@evil.com", false), ("ftp://localhost", false), ("HTTP://localhost", false),
            ("http:localhost", false), ("http:/localhost", false), ("http:///localhost", false),
            ("javascript://localhost", false), ("https//localhost", false), ("http://localhost http://evil.com", false),
            ("http://localhost,http://evil.com", false), ("http://localhost\\@evil.com", false), ("*", false),
            ("http://localhost:80:80", false), ("http://localhost.evil.com", false), ("://localhost", false),
        ])
    func origins(origin: String, isOurs: Bool) { #expect((Origin(origin)?.isLoopback ?? false) == isOurs) }

    @Test("where a server listens is told from where others can reach it")
    func listening() {
        for host in ["127.0.0.1", "127.3.2.1", "::1", "localhost"] { #expect(Loopback.contains(host)) }
        for host in ["0.0.0.0", "::", "[::1]", "::ffff:127.0.0.1", "fe80::1", "192.0.2.1", "example"] {
            #expect(!Loopback.contains(host))
        }
    }

    @Test("a token is compared whole")
    func tokens() {
        let token = Array("0123456789abcdef".utf8)
        #expect(Gatekeeper.areEqual(token, token))
        for wrong in [
            "", "0", "0123456789abcdee", "1123456789abcdef", "0123456789abcdef0123456789abcdef", "0123456789abcde",
        ] {
            #expect(!Gatekeeper.areEqual(Array(wrong.utf8), token))
        }
    }

    func status(_ gatekeeper: Gatekeeper, _ host: String?, _ headers: HTTPFields = [:]) -> Int? {
        gatekeeper.refusal(
            HTTPRequest(method: .post, scheme: "http", authority: host, path: "/mcp", headerFields: headers))?.status
    }

    @Test("without a token names decide; with one the token does, and web pages are still asked where they are from")
    func ways() {
        let open = Gatekeeper(token: nil, origins: ["https://agents.example"])
        #expect(status(open, "localhost") == nil && status(open, "evil.example") == 403 && status(open, nil) == 403)
        #expect(status(open, "localhost", [.origin: "https://agents.example"]) == nil)
        #expect(status(open, "localhost", [.origin: "https://agents.example.evil"]) == 403)
        let closed = Gatekeeper(token: "0123456789abcdef", origins: [])
        #expect(status(closed, "localhost") == 401)
        #expect(status(closed, "memory.example", [.authorization: "Bearer 0123456789abcdef"]) == nil)
        #expect(status(closed, "memory.example", [.authorization: "bearer 0123456789abcdef"]) == nil)
        #expect(status(closed, "memory.example", [.authorization: "Bearer 0123456789abcdeg"]) == 401)
        #expect(
            status(closed, "x", [.authorization: "Bearer 0123456789abcdef", .origin: "http://evil.example"]) == 403)
    }
}
