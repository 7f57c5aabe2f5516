import Foundation
import MembusModel
import Synchronization
import Testing

@testable import MembusEndpoint

@Suite(.timeLimit(.minutes(2))) struct CallerTests {
    static func caller(
        _ server: Server, whole: Duration = .seconds(20), key: String? = "sk-secret", dimensions: Int? = nil,
        _ change: (inout EndpointBounds) -> Void = { _ in }
    ) throws -> EndpointCaller {
        var bounds = EndpointBounds()
        bounds.whole = whole
        change(&bounds)
        let endpoint = try EmbeddingEndpoint(url: server.url, model: "m", dimensions: dimensions, key: key)
        return EndpointCaller(endpoint, bounds: bounds)
    }

    @Test("each text gets its vector, by one connection, with the key in its header")
    func honesty() throws {
        let server = Server(honest)
        defer { server.stop() }
        let caller = try Self.caller(server)
        let texts = ["a", "bb", "ccc", "", "é\"\\\n"]
        for _ in 0..<3 { #expect(try caller.embed(texts) == texts.map { vector(of: $0.isEmpty ? " " : $0) }) }
        #expect(try caller.embed([]).isEmpty)
        #expect(caller.dimensions == 3)
        #expect(server.requests.count == 3 && server.connections == 1)
        let head = try #require(server.requests.first?.head)
        #expect(head.hasPrefix("POST /v1/embeddings HTTP/1.1\r\n"))
        #expect(head.contains("Authorization: Bearer sk-secret"))
        #expect(head.contains("Content-Type: application/json"))
        #expect(!head.contains("Expect"))
    }

    @Test("many texts go in several requests, none of more than 64, or of more bytes than a request may have")
    func batches() throws {
        let server = Server(honest)
        defer { server.stop() }
        let short = (0..<150).map { "text \($0)" }
        #expect(try Self.caller(server).embed(short) == short.map(vector(of:)))
        #expect(server.requests.map(\.texts.count) == [64, 64, 22])
        let long = (0..<6).map { String(repeating: "x", count: $0 == 2 ? 400_000 : 100_000) + "\($0)" }
        #expect(try Self.caller(server).embed(long) == long.map(vector(of:)))
        #expect(server.requests.dropFirst(3).map(\.texts.count) == [2, 1, 2, 1])
    }

    @Test("an endpoint that takes fewer texts gets fewer, and from then on at once")
    func tooMany() throws {
        let server = Server { $0.texts.count > 10 ? .full(413, "{\"error\":\"too many\"}") : honest($0) }
        defer { server.stop() }
        let caller = try Self.caller(server)
        let texts = (0..<20).map { "text \($0)" }
        #expect(try caller.embed(texts) == texts.map(vector(of:)))
        #expect(server.requests.map(\.texts.count) == [20, 10, 10])
        #expect(try caller.embed(texts) == texts.map(vector(of:)))
        #expect(server.requests.dropFirst(3).map(\.texts.count) == [10, 10])
    }

    @Test("a text that alone is refused is named, and one is not blamed for what another would suffer too")
    func refusedText() throws {
        let server = Server { request in
            request.texts.contains { $0.contains("poison") }
                ? .full(400, "{\"error\":{\"message\":\"too long\"}}") : honest(request)
        }
        defer { server.stop() }
        let caller = try Self.caller(server)
        var texts = (0..<64).map { "text \($0)" }
        texts[37] = "poison"
        let fault = try expectedFault(of: caller, texts)
        #expect(fault.kind == .refused && fault.text == 37 && fault.retry == .seconds(300))
        #expect(fault.message.contains("(HTTP 400): too long"))
        var before: [[Float]] = []
        #expect(throws: EndpointFault.self) { try caller.embed(texts, into: &before) }
        #expect(before == texts[..<37].map(vector(of:)), "what was answered is lost")
        texts.remove(at: 37)
        #expect(try caller.embed(texts).count == 63)

        let closed = Server { _ in .full(400, "no such model") }
        defer { closed.stop() }
        #expect(try expectedFault(of: Self.caller(closed), texts).text == nil)
    }

    @Test("several callers ask at once, each on a thread of its own")
    func atOnce() throws {
        let server = Server(honest)
        defer { server.stop() }
        let right = Mutex(0)
        let url = server.url
        DispatchQueue.concurrentPerform(iterations: 8) { number in
            guard let endpoint = try? EmbeddingEndpoint(url: url, model: "m") else { return }
            let caller = EndpointCaller(endpoint)
            let texts = (0..<number + 1).map { "text \($0)" }
            for _ in 0..<20 where (try? caller.embed(texts)) == texts.map(vector(of:)) { right.withLock { $0 += 1 } }
        }
        #expect(right.withLock { $0 } == 160)
    }
}

extension EndpointCaller {
    /// All of them, or none.
    func embed(
        _ texts: [String], cancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(EndpointFault) -> [[Float]] {
        var vectors: [[Float]] = []
        try embed(texts, into: &vectors, cancelled: cancelled)
        return vectors
    }
}

/// The fault that is expected of a call, with what holds for all of them.
func expectedFault(
    of caller: EndpointCaller, _ texts: [String] = ["a", "b"],
    cancelled: @escaping @Sendable () -> Bool = { false }, at place: SourceLocation = #_sourceLocation
) throws -> EndpointFault {
    do throws(EndpointFault) {
        let vectors = try caller.embed(texts, cancelled: cancelled)
        Issue.record("there were vectors: \(vectors)", sourceLocation: place)
        throw EndpointFault(kind: .lying, message: "", hint: "", retry: nil, text: nil)
    } catch {
        #expect(error.message.contains(caller.endpoint.place), sourceLocation: place)
        #expect(!error.hint.isEmpty, sourceLocation: place)
        #expect(!"\(error)".contains("sk-secret"), "\(error)", sourceLocation: place)
        #expect("\(error)".count < 1000 && !"\(error)".contains("\n"), "\(error)", sourceLocation: place)
        return error
    }
}
