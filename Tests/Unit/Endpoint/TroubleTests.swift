import Foundation
import MembusModel
import Synchronization
import Testing

@testable import MembusEndpoint

/// Endpoints that are busy, slow, broken, or lie.
@Suite(.timeLimit(.minutes(2))) struct TroubleTests {
    private let clock = ContinuousClock()

    @Test("429 and 503 are waited out for as long as the endpoint asks, in seconds or until a date")
    func busy() throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let date = formatter.string(from: Date(timeIntervalSinceNow: 100))
        let answers: [Server.Answer] = [
            .full(429, "{\"error\":{\"message\":\"slow down\"}}", headers: ["Retry-After: 7"]), .full(429, ""),
            .full(503, "", headers: ["retry-after:\t\(date) "]), .full(503, "", headers: ["Retry-After: 86400"]),
            .full(429, "", headers: ["Retry-After: never"]),
            .bytes("HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\nHTTP/1.1 429 No\r\nContent-Length: 0\r\n\r\n"),
        ]
        let server = Server { answers[$0.number] }
        defer { server.stop() }
        let caller = try CallerTests.caller(server)
        let faults = try answers.map { _ in try expectedFault(of: caller) }
        #expect(faults.allSatisfy { $0.kind == .busy })
        #expect(faults[0].message.contains("slow down"))
        #expect(faults.map(\.retry).dropFirst(3) == [.seconds(3600), .seconds(16), .seconds(32)])
        #expect(faults[0].retry == .seconds(7) && faults[1].retry == .seconds(2))
        let untilDate = try #require(faults[2].retry)
        #expect(.seconds(90)...(.seconds(101)) ~= untilDate)
    }

    @Test("one that hangs, or trickles, costs the time that a call may take, and less is asked of it the next time")
    func slow() throws {
        for answer in [
            Server.Answer.nothing,
            .trickle("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: " ", count: 500)),
        ] {
            let server = Server { _ in answer }
            defer { server.stop() }
            let caller = try CallerTests.caller(server, whole: .milliseconds(700))
            for (round, pause) in [1, 2, 4].enumerated() {
                let start = clock.now
                let fault = try expectedFault(of: caller, Array(repeating: "a", count: 16))
                #expect(.milliseconds(600)...(.milliseconds(1500)) ~= clock.now - start)
                #expect(fault.kind == .timedOut && fault.retry == .seconds(pause))
                #expect(server.requests.last?.texts.count == 16 >> round)
            }
        }
    }

    @Test("after a slow time as many texts are asked for again, one more with each answer")
    func recovery() throws {
        let server = Server { $0.number == 0 ? .nothing : honest($0) }
        defer { server.stop() }
        let caller = try CallerTests.caller(server, whole: .milliseconds(500)) { $0.texts = 8 }
        let texts = Array(repeating: "a", count: 8)
        _ = try expectedFault(of: caller, texts)
        for _ in 0..<5 { #expect(try caller.embed(texts).count == 8) }
        #expect(server.requests.map(\.texts.count) == [8, 4, 4, 6, 2, 8, 8, 8])
    }

    @Test("a call that nobody wants any more ends at once, and asks for no other")
    func cancelling() throws {
        let server = Server { _ in .nothing }
        defer { server.stop() }
        let caller = try CallerTests.caller(server)
        let (over, start) = (Over(), clock.now)
        Thread.detachNewThread {
            usleep(300_000)
            over.set()
        }
        let cancelled = try expectedFault(of: caller, cancelled: { over.isSet })
        #expect(cancelled.kind == .cancelled && cancelled.retry == nil)
        #expect(clock.now - start < .seconds(1))
        #expect(try expectedFault(of: caller, cancelled: { true }).kind == .cancelled)
        #expect(server.requests.count == 1)
    }

    @Test("a connection that is refused, closed without an answer or midway, or not in HTTP, is tried again")
    func broken() throws {
        let answers: [Server.Answer] = [
            .bytes(""), .bytes("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"data\":["),
            .bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz"), .bytes("220 smtp.example.org ESMTP\r\n"),
        ]
        for answer in answers {
            let server = Server { _ in answer }
            defer { server.stop() }
            let fault = try expectedFault(of: CallerTests.caller(server))
            #expect(fault.kind == .unreachable && fault.retry == .seconds(1), "\(answer): \(fault)")
        }
        let server = Server(honest)
        defer { server.stop() }
        var bounds = EndpointBounds()
        bounds.connecting = .milliseconds(500)
        for (url, kind) in [
            ("http://127.0.0.1:1/v1", EndpointFault.Kind.unreachable), ("http://no-such-host.invalid/v1", .unreachable),
            ("https://127.0.0.1:\(server.port)/v1", .timedOut),
        ] {
            let caller = EndpointCaller(try EmbeddingEndpoint(url: url, model: "m"), bounds: bounds)
            #expect(try expectedFault(of: caller).kind == kind, "\(url)")
        }
        #expect(server.requests.isEmpty)
    }

    @Test(
        "what a person has to change is told, and tried again after five minutes",
        arguments: [400, 401, 402, 403, 404, 410, 422])
    func refused(status: Int) throws {
        let server = Server { _ in .full(status, "{\"error\":{\"message\":\"not for sk-secret\\n\\u0007\"}}") }
        defer { server.stop() }
        let caller = try CallerTests.caller(server)
        for _ in 0..<3 {
            let fault = try expectedFault(of: caller)
            #expect(fault.kind == .refused && fault.retry == .seconds(300) && fault.text == nil)
            #expect(fault.message.contains("(HTTP \(status)): not for [key]"), "\(fault)")
        }
    }

    @Test("one that fails is tried again with doubling pauses", arguments: [500, 502, 504, 408, 599])
    func failing(status: Int) throws {
        let page = "\n<html>" + String(repeating: "x", count: 100_000)
        let server = Server { $0.number < 3 ? .full(status, page) : honest($0) }
        defer { server.stop() }
        let caller = try CallerTests.caller(server)
        for pause in [1, 2, 4] {
            let fault = try expectedFault(of: caller)
            #expect(fault.kind == .failing && fault.retry == .seconds(pause))
            #expect(fault.message.hasSuffix("(HTTP \(status)): a web page"))
        }
        #expect(try caller.embed(["a"]).count == 1)
        #expect(caller.pace == RetryPace())
    }

    @Test("no redirect is followed, to where the key would go too")
    func redirects() throws {
        let other = Server(honest)
        defer { other.stop() }
        for status in [301, 302, 307, 308] {
            let target = "http://127.0.0.1:\(other.port)/v1/embeddings?key=sk-secret"
            let server = Server { _ in .full(status, "", headers: ["Location: \(target)"]) }
            defer { server.stop() }
            let fault = try expectedFault(of: CallerTests.caller(server))
            #expect(fault.kind == .refused && fault.message.contains("127.0.0.1:\(other.port)/v1/embeddings (HTTP"))
        }
        #expect(other.requests.isEmpty)
    }

    @Test("of vectors that can't be right none is taken, and the right ones are afterwards")
    func lies() throws {
        let lies = [
            vectors(for: ["a", "b"]) { _ in [1, 2] }, vectors(for: ["a"]), vectors(for: ["a", "b", "c"]),
            "{\"data\":[{\"index\":0,\"embedding\":[1,2,NaN]}]}", vectors(for: ["a", "b"]) { _ in [0, 0, 0] },
            "{\"data\":[{\"index\":0,\"embedding\":[1,2,3]},{\"index\":0,\"embedding\":[1,2,3]}]}",
            "{\"data\":[{\"index\":0,\"embedding\":[1,2,\"3\"]}]}",
        ]
        let server = Server { 1...lies.count ~= $0.number ? .full(200, lies[$0.number - 1]) : honest($0) }
        defer { server.stop() }
        let caller = try CallerTests.caller(server)
        #expect(try caller.embed(["a", "b"]).count == 2)
        for lie in lies {
            let fault = try expectedFault(of: caller)
            #expect(fault.kind == .lying && fault.retry == .seconds(300), "\(lie): \(fault)")
        }
        #expect(try caller.embed(["a", "b"]) == ["a", "b"].map(vector(of:)))
        #expect(try expectedFault(of: CallerTests.caller(server, dimensions: 4)).kind == .lying)
    }

    @Test("what is no answer to such a request is not taken for one, however much of it there is")
    func foreign() throws {
        for (body, kind) in [
            ("<html>hello", EndpointFault.Kind.failing), ("", .failing), ("{\"error\":\"down\"}", .failing),
        ] {
            let server = Server { _ in .full(200, body) }
            defer { server.stop() }
            #expect(try expectedFault(of: CallerTests.caller(server)).kind == kind)
        }
        let server = Server { _ in .flood(String(repeating: "[", count: 65_536)) }
        defer { server.stop() }
        let start = clock.now
        #expect(try expectedFault(of: CallerTests.caller(server)).kind == .lying)
        #expect(clock.now - start < .seconds(5))
    }
}

private final class Over: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}
