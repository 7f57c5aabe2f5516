import Foundation
import MembusModel
import SwiftProtobuf
import Testing

@testable import MembusWire

@Suite struct RobustnessTests {
    /// Every door; nothing but a crash can go wrong.
    private func open(_ bytes: [UInt8]) {
        _ = WireCodec.decodeRequest(bytes)
        _ = WireCodec.decodeReply(bytes)
        _ = WireCodec.decodePublished(topic: StreamID.heartbeat.bytes, bytes)
        _ = WireCodec.decodePublished(topic: bytes, bytes)
    }

    private func messages(_ samples: inout Samples) throws -> [[UInt8]] {
        try samples.requests().map { try WireCodec.encode($0) } + samples.replies().map { WireCodec.encode($0) }
            + samples.published().map { WireCodec.encode($0) }
    }

    @Test("random bytes never crash a decoder")
    func randomBytes() {
        var random = SeededRandom(seed: seed)
        for _ in 0..<20_000 {
            open((0..<Int.random(in: 0...80, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }

    @Test("a valid message cut anywhere never crashes a decoder")
    func truncations() throws {
        var samples = Samples(seed: seed)
        for message in try messages(&samples) { for length in 0...message.count { open(Array(message[..<length])) } }
    }

    @Test("a valid message with bytes changed never crashes a decoder")
    func mutations() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<20 {
            for message in try messages(&samples) where !message.isEmpty {
                var bytes = message
                for _ in 0..<Int.random(in: 1...4, using: &samples.random) {
                    let index = Int.random(in: 0..<bytes.count, using: &samples.random)
                    bytes[index] = samples.pick([
                        0, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &samples.random),
                    ])
                }
                open(bytes)
            }
        }
    }

    @Test("extreme numbers in replies and events are errors or values, never traps")
    func extremes() throws {
        for number in [Int64.min, -1, .max] {
            let status = PBReply.with {
                $0.status = .with {
                    $0.uptimeMs = number
                    $0.syncMedianUs = number
                    $0.transactionsWaiting = number
                }
            }
            _ = try WireCodec.decodeReply(try status.serializedBytes() as [UInt8]).get()
            let welcome = PBReply.with {
                $0.welcome = .with {
                    $0.heartbeatMs = number
                    $0.limits = .with { $0.keyBytes = number }
                }
            }
            _ = try WireCodec.decodeReply(try welcome.serializedBytes() as [UInt8]).get()
            let records = PBReply.with {
                $0.records = .with { $0.records = [.with { ($0.announced, $0.size) = (true, number) }] }
            }
            _ = try WireCodec.decodeReply(try records.serializedBytes() as [UInt8]).get()
            let deadline = PBRequest.with {
                $0.version = 1
                $0.deadlineMs = number
                $0.branches = PBBranches()
            }
            let decoded = WireCodec.decodeRequest(try deadline.serializedBytes() as [UInt8])
            if number > 0 { #expect(try decoded.result.get().deadline == .milliseconds(number)) }
        }
    }

    @Test("an undecodable message from a broker is an error that says why")
    func undecodable() throws {
        let negative = PBPublished.with { $0.event = .with { $0.position = .with { $0.revision = -1 } } }
        let bytes: [UInt8] = try negative.serializedBytes()
        #expect(throws: WireError(what: "event", reason: "event.position: -1 is negative")) {
            try WireCodec.decodePublished(topic: StreamID.heartbeat.bytes, bytes).get()
        }
        #expect(throws: WireError.self) { try WireCodec.decodePublished(topic: [1, 2], bytes).get() }
        #expect(throws: WireError.self) { try WireCodec.decodeReply([UInt8]()).get() }
        #expect(throws: WireError.self) { try WireCodec.decodeReply([0x0A, 200] as [UInt8]).get() }
    }
}

@Suite struct FailureTableTests {
    @Test("the model's error codes are those of errors.proto, by number and by name")
    func tables() throws {
        let known = PBErrorCode.allCases.filter { $0 != .unspecified }
        #expect(known.map(\.rawValue) == Refusal.Code.allCases.map(\.rawValue))
        for code in Refusal.Code.allCases {
            let wire = try #require(PBErrorCode(rawValue: code.rawValue))
            #expect("\(wire)" == "\(code)")
            #expect(
                Refusal(PBError(Refusal(code, "m", hint: "h", subject: "s")))
                    == Refusal(code, "m", hint: "h", subject: "s"))
        }
    }

    @Test(
        "a code that a newer broker has added keeps its remedy and its words",
        arguments: [
            (199, Refusal.Remedy.fixRequest), (299, .retry), (399, .resync), (0, .fixRequest), (-7, .fixRequest),
            (999, .fixRequest),
        ])
    func unknownCode(number: Int, remedy: Refusal.Remedy) throws {
        let failure = Refusal(
            .with {
                $0.code = .UNRECOGNIZED(number)
                $0.message = "the moon is in the wrong phase"
                $0.hint = "wait"
            })
        #expect(failure.code.remedy == remedy)
        #expect(failure.message == "the moon is in the wrong phase" && failure.hint == "wait")
    }
}
