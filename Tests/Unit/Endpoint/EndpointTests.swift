import MembusModel
import Testing

@testable import MembusEndpoint

@Suite struct EndpointTests {
    @Test(
        "a base and a whole address mean the same, and a query is kept but not shown",
        arguments: [
            ("https://api.openai.com/v1", "https://api.openai.com/v1/embeddings", "api.openai.com/v1/embeddings"),
            ("https://api.openai.com/v1/", "https://api.openai.com/v1/embeddings", "api.openai.com/v1/embeddings"),
            (
                "HTTPS://API.openai.com/v1/embeddings", "https://api.openai.com/v1/embeddings",
                "api.openai.com/v1/embeddings"
            ),
            ("http://localhost:11434", "http://localhost:11434/embeddings", "localhost:11434/embeddings"),
            ("http://[::1]:80/V1", "http://[::1]:80/V1/embeddings", "[::1]:80/V1/embeddings"),
            ("https://a.b/x?v=1/2", "https://a.b/x/embeddings?v=1/2", "a.b/x/embeddings"),
        ])
    func addresses(url: String, whole: String, place: String) throws {
        let endpoint = try EmbeddingEndpoint(url: url, model: "m")
        #expect(endpoint.url == whole)
        #expect(endpoint.place == place)
    }

    @Test(
        "what is no address of http or https is refused, and not repeated",
        arguments: [
            "", "api.openai.com/v1", "ftp://a/v1", "file:///etc/passwd", "https://", "https:///v1", "https://:80",
            "https://a:0", "https://a:65536", "https://a:x", "https://a:+8", "https://user:secret@a/v1",
            "https://a/v1#secret", "https://a\\@b/", "https://a b", "https://ä.de", "https://a\r\nHost: b",
            "https://[::1",
            "https://[]", "https://[::1]x", "https://%61/", "https://a\0b",
        ])
    func noAddresses(url: String) {
        do {
            let endpoint = try EmbeddingEndpoint(url: url, model: "m")
            Issue.record("\(endpoint.url) was let through")
        } catch {
            #expect(!"\(error)".contains("secret"))
            #expect(error.message.hasPrefix("the endpoint's URL "))
        }
    }

    @Test("a model, dimensions and a key that can't be are refused, the key without being shown")
    func settings() {
        for model in ["", "a\nb", String(repeating: "m", count: 257)] {
            #expect(throws: EndpointSettingError.self) { try EmbeddingEndpoint(url: "http://a", model: model) }
        }
        for dimensions in [0, -1, 16_385, .max] {
            #expect(throws: EndpointSettingError.self) {
                try EmbeddingEndpoint(url: "http://a", model: "m", dimensions: dimensions)
            }
        }
        for key in ["", "sk-hidden\r\nX: y", "sk-hidden ", "sk-hiddén"] {
            let error = #expect(throws: EndpointSettingError.self) {
                try EmbeddingEndpoint(url: "http://a", model: "m", key: key)
            }
            #expect(error.map { "\($0)".contains("hidd") } == false)
        }
    }

    @Test("the key is shown by nothing that shows values")
    func redaction() throws {
        let endpoint = try EmbeddingEndpoint(url: "http://a/v1?code=sk-query", model: "m", key: "sk-secret")
        var dumped = ""
        dump(endpoint, to: &dumped)
        dump(["held": (1, endpoint)], to: &dumped)
        for shown in [
            "\(endpoint)", String(reflecting: endpoint), String(describing: Optional(endpoint)), dumped,
            endpoint.identity,
        ] {
            #expect(!shown.contains("sk-"), "\(shown)")
            #expect(shown.contains("a/v1/embeddings"))
        }
    }

    @Test("another model, place or number of dimensions is another identity; another key is not")
    func identity() throws {
        func identity(_ url: String, _ model: String, _ dimensions: Int? = nil, _ key: String? = nil) throws -> String {
            try EmbeddingEndpoint(url: url, model: model, dimensions: dimensions, key: key).identity
        }
        let all = try [
            identity("http://a", "m"), identity("http://a", "n"), identity("http://b", "m"),
            identity("http://a:1", "m"),
            identity("http://a/v1", "m"), identity("http://a", "m", 5), identity("http://a", "m", 6),
        ]
        #expect(Set(all.map { Array($0.utf8) }).count == all.count)
        #expect(try identity("http://a", "m", nil, "k") == all[0])
        #expect(all[5] == "m at a/embeddings, 5 dimensions")
    }

    @Test("a request holds the model and the texts, whatever they are, and dimensions only if they are wanted")
    func requests() throws {
        let texts = ["\"\\\u{0}\n\u{1F}é\u{2028}😀", "", "b"]
        let plain = try EmbeddingEndpoint(url: "http://a", model: "m\"\\ü")
        let request = EmbeddingRequest(endpoint: plain, texts: texts[...])
        let expected =
            #"{"model":"m\"\\ü","encoding_format":"float","input":["\"\\\u0000\u000a\u001fé"#
            + "\u{2028}😀" + #""," ","b"]}"#
        #expect(String(decoding: request.body, as: UTF8.self) == expected)
        #expect(!request.headers.contains { $0.hasPrefix("Authorization") })
        let narrow = try EmbeddingEndpoint(url: "http://a", model: "m", dimensions: 7, key: "k")
        let other = EmbeddingRequest(endpoint: narrow, texts: texts[2...])
        #expect(
            String(decoding: other.body, as: UTF8.self)
                == #"{"model":"m","encoding_format":"float","dimensions":7,"input":["b"]}"#)
        #expect(other.headers.contains("Authorization: Bearer k"))
    }
}
