import Foundation
import MembusModel
import SwiftProtobuf
import Testing

@testable import MembusWire

/// New at each run, so that time widens the search; a failure names it. `MEMBUS_SEED` replays one.
let seed: UInt64 =
    ProcessInfo.processInfo.environment["MEMBUS_SEED"].flatMap { UInt64($0) } ?? .random(in: 0...UInt64(UInt32.max))

@Suite struct RoundTripTests {
    @Test("every request arrives as it was sent")
    func requests() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<40 {
            for request in samples.requests() {
                let decoded = WireCodec.decodeRequest(try WireCodec.encode(request))
                #expect(decoded.id == request.id)
                let arrived = try decoded.result.get()
                #expect(canonical(arrived) == canonical(request), "seed \(seed)")
            }
        }
    }

    @Test("every reply arrives as it was sent")
    func replies() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<40 {
            for reply in samples.replies() {
                let arrived = try WireCodec.decodeReply(WireCodec.encode(reply)).get()
                #expect(canonical(arrived) == canonical(reply), "seed \(seed)")
            }
        }
    }

    @Test("the bytes of a commit's reply are those that the generated code writes")
    func committedReplies() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<2000 {
            let reply = Reply(
                id: samples.word(), lineage: Lineage(samples.word()), instance: Instance(samples.word()),
                visible: samples.position(), bookmarks: [], body: .outcome(.committed(samples.position())))
            let bytes: [UInt8] = try PBReply(reply).serializedBytes()
            #expect(CommittedReply.encode(reply) == bytes, "seed \(seed)")
        }
    }

    @Test("every published message arrives as it was sent")
    func published() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<500 {
            for message in samples.published() {
                let arrived = try WireCodec.decodePublished(topic: message.topic.bytes, WireCodec.encode(message)).get()
                #expect(canonical(arrived) == canonical(message), "seed \(seed)")
            }
        }
    }

    @Test("the samples hold every body, so that none goes untested")
    func complete() throws {
        var samples = Samples(seed: seed)
        let requests = try samples.requests().map { try PBRequest(serializedBytes: try WireCodec.encode($0)) }
        let replies = try samples.replies().map { try PBReply(serializedBytes: WireCodec.encode($0)) }
        #expect(Set(requests.compactMap { $0.body.map(caseName) }) == (try bodies(of: "Request")))
        #expect(Set(replies.compactMap { $0.body.map(caseName) }) == (try bodies(of: "Reply")))
    }

    /// As the protos list them, by the names that the generated code gives them.
    private func bodies(of message: String) throws -> Set<String> {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../../protos/membus/v1/bus.proto")
        let text = try String(contentsOf: file, encoding: .utf8)
        let start = try #require(text.range(of: "message \(message) {")).upperBound
        let list = try #require(text[start...].firstMatch(of: /oneof body \{((?s:.*?))\n  \}/)).output.1
        let names = list.matches(of: /(?m)^ *\w+ (\w+) = \d+;/).map { match in
            match.output.1.split(separator: "_").enumerated().map { $0 == 0 ? String($1) : $1.capitalized }.joined()
        }
        try #require(names.count > 15)
        return Set(names)
    }

    private func caseName(_ body: Any) -> String { Mirror(reflecting: body).children.first?.label ?? "\(body)" }

    @Test("what a newer minor version adds is passed over")
    func unknownFields() throws {
        // Field 200, varint 5, and field 201, three bytes.
        let extra: [UInt8] = [0xC0, 0x0C, 0x05, 0xCA, 0x0C, 3, 1, 2, 3]
        var samples = Samples(seed: seed)
        for request in samples.requests() {
            let decoded = WireCodec.decodeRequest(try WireCodec.encode(request) + extra)
            #expect(canonical(try decoded.result.get()) == canonical(request))
        }
        for reply in samples.replies() {
            #expect(canonical(try WireCodec.decodeReply(WireCodec.encode(reply) + extra).get()) == canonical(reply))
        }
        for message in samples.published() {
            let arrived = try WireCodec.decodePublished(topic: message.topic.bytes, WireCodec.encode(message) + extra)
                .get()
            #expect(canonical(arrived) == canonical(message))
        }
    }
}
