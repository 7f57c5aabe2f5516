import Foundation
import MembusModel
import SwiftProtobuf
import Testing

@testable import MembusWire

@Suite struct RefusalTests {
    private func decode(limits: Limits = Limits(), _ fill: (inout PBRequest) -> Void) throws -> DecodedRequest {
        var message = PBRequest.with {
            $0.version = 1
            $0.id = 42
        }
        fill(&message)
        return WireCodec.decodeRequest(try message.serializedBytes() as [UInt8], limits: limits)
    }

    private func failure(limits: Limits = Limits(), _ fill: (inout PBRequest) -> Void) throws -> Refusal {
        let decoded = try decode(limits: limits, fill)
        #expect(decoded.id == 42)
        return try #require(throws: Refusal.self) { try decoded.result.get() }
    }

    @Test("another major version is refused, whatever its body looks like")
    func versions() throws {
        #expect(try failure { $0.version = 2 }.code == .unsupportedVersion)
        #expect(try failure { $0.version = 0 }.code == .unsupportedVersion)
        // Version 2, id 9, and a hello (field 10) that is no message any more but a number.
        let future: [UInt8] = [0x08, 2, 0x10, 9, 0x52, 1, 0xFF]
        let decoded = WireCodec.decodeRequest(future)
        #expect(decoded.id == 9)
        #expect(throws: Refusal.self) { try decoded.result.get() }
        if case .failure(let failure) = decoded.result { #expect(failure.code == .unsupportedVersion) }
    }

    @Test("noise is malformed, with the id if it could be read")
    func noise() throws {
        let text = WireCodec.decodeRequest(Data("GET / HTTP/1.1\r\n".utf8))
        #expect(text.id == 0)
        if case .failure(let failure) = text.result {
            #expect(failure.code == .malformed)
        } else {
            Issue.record("decoded")
        }
        let brokenBody = WireCodec.decodeRequest([0x08, 1, 0x10, 7, 0x52, 5, 1] as [UInt8])
        #expect(brokenBody.id == 7)
        if case .failure(let failure) = brokenBody.result {
            #expect(failure.code == .malformed)
        } else {
            Issue.record("decoded")
        }
        // A string that is not UTF-8 in an open_session (field 11).
        let badText = WireCodec.decodeRequest([0x08, 1, 0x10, 7, 0x5A, 3, 0x0A, 1, 0xFF] as [UInt8])
        #expect(badText.id == 7)
        if case .failure(let failure) = badText.result {
            #expect(failure.code == .malformed)
        } else {
            Issue.record("decoded")
        }
    }

    @Test("a request without a body that is known here is unknown")
    func unknownBody() throws {
        #expect(try failure { _ in }.code == .unknownRequest)
        // Field 2000, far from those in use: a body of a later minor version.
        let later = WireCodec.decodeRequest([0x08, 1, 0x10, 7, 0x82, 0x7D, 0] as [UInt8])
        if case .failure(let failure) = later.result {
            #expect(failure.code == .unknownRequest)
        } else {
            Issue.record("decoded")
        }
        #expect(try failure { $0.transact = .with { $0.number = 1 } }.code == .unknownRequest)
    }

    @Test("an invalid name within a transaction fails its work and keeps its turn")
    func invalidNameInTransact() throws {
        func work(_ transaction: PBTransaction) throws -> Refusal {
            let request = try decode {
                $0.transact = .with {
                    $0.session = 5
                    $0.number = 6
                    $0.acknowledged = 3
                    $0.transaction = transaction
                }
            }
            guard case .transact(let transact) = try request.result.get().body else { throw CancellationError() }
            #expect(transact.session == SessionID(5) && transact.number == 6 && transact.acknowledged == 3)
            return try #require(throws: Refusal.self) { try transact.work.get() }
        }
        let good = PBChange.with {
            $0.key = "a"
            $0.delete = PBDelete()
        }
        let bad = PBChange.with {
            $0.key = "a//b"
            $0.delete = PBDelete()
        }
        let name = try work(.with { $0.changes = [good, bad] })
        #expect(name.code == .invalidName && name.subject == "a//b" && name.message.hasPrefix("changes[1].key: "))
        #expect(try work(.with { $0.branch = "a/b" }).code == .invalidName)
        #expect(try work(.with { $0.reads = [.with { $0.key = ".." }] }).code == .invalidName)
        #expect(try work(.with { $0.preconditions = [.with { $0.absent = "" }] }).code == .invalidName)
        #expect(try work(.with { $0.preconditions = [PBPrecondition()] }).code == .invalidArgument)
        #expect(try work(.with { $0.changes = [.with { $0.key = "a" }] }).code == .invalidArgument)
        let negative = PBPrecondition.with {
            $0.at = .with {
                $0.key = "a"
                $0.revision = -1
            }
        }
        #expect(try work(.with { $0.preconditions = [negative] }).code == .invalidArgument)
        for time in [Int64.min, -1, 0, .max] {
            let after = PBChange.with {
                $0.key = "a"
                $0.put = .with { $0.expiresAfterMs = time }
            }
            let at = PBChange.with {
                $0.key = "a"
                $0.put = .with { $0.expiresAtMs = time }
            }
            #expect(try work(.with { $0.changes = [after] }).code == .invalidArgument)
            #expect(try work(.with { $0.changes = [at] }).code == .invalidArgument)
        }
        let link = PBChange.with {
            $0.key = "a"
            $0.put = .with { $0.links = [.with { $0.target = "/x" }] }
        }
        #expect(try work(.with { $0.changes = [good, link] }).message.hasPrefix("changes[1].put.links[0].target: "))
    }

    @Test("a fork without a name fails its work")
    func namelessFork() throws {
        let request = try decode {
            $0.transact = .with {
                $0.number = 1
                $0.fork = PBFork()
            }
        }
        guard case .transact(let transact) = try request.result.get().body else { throw CancellationError() }
        if case .failure(let failure) = transact.work {
            #expect(failure.code == .invalidName)
        } else {
            Issue.record("accepted")
        }
    }

    @Test("what would use up no number is refused as malformed")
    func envelope() throws {
        func transact(_ fill: (inout PBRequest) -> Void) throws -> Refusal.Code {
            try failure {
                $0.transact = .with {
                    $0.number = 1
                    $0.transaction = PBTransaction()
                }
                fill(&$0)
            }.code
        }
        #expect(try transact { $0.transact.number = 0 } == .malformed)
        #expect(try transact { $0.transact.number = .max } == .malformed)
        #expect(try transact { $0.transact.acknowledged = .max } == .malformed)
        #expect(try transact { $0.deadlineMs = -1 } == .malformed)
        #expect(try transact { $0.streams = [Data([1, 2])] } == .malformed)
        #expect(
            try transact { $0.streams = [Data](repeating: Data(repeating: 1, count: 16), count: 10_001) } == .malformed)
    }

    @Test("fields out of range are refused by name")
    func arguments() throws {
        let cases: [(String, Refusal.Code, (inout PBRequest) -> Void)] = [
            ("topics", .invalidArgument, { $0.range = PBRange() }),
            ("topics", .invalidArgument, { $0.digest = PBGetDigest() }),
            ("topics", .invalidArgument, { $0.register = .with { $0.mode = .update } }),
            ("register.mode", .invalidArgument, { $0.register = .with { $0.topics = ["/"] } }),
            (
                "register.mode", .invalidArgument,
                {
                    $0.register = .with {
                        $0.topics = ["/"]
                        $0.mode = .UNRECOGNIZED(9)
                    }
                }
            ),
            ("get.keys[1]", .invalidName, { $0.get = .with { $0.keys = ["a", "a/"] } }),
            ("get.at", .invalidArgument, { $0.get = .with { $0.at = .with { $0.revision = -5 } } }),
            ("get.branch", .invalidName, { $0.get = .with { $0.branch = "x/y" } }),
            ("history.key", .invalidName, { $0.history = PBHistory() }),
            ("history.before", .invalidArgument, { $0.history = .with { ($0.key, $0.before) = ("a", -1) } }),
            ("log.cursor", .invalidArgument, { $0.log = .with { $0.cursor = .with { $0.revision = .min } } }),
            ("pull.stream", .malformed, { $0.pull = PBPull() }),
            (
                "page", .invalidArgument,
                {
                    $0.pull = .with {
                        $0.stream = Data(repeating: 0, count: 16)
                        $0.page = PBPageToken()
                    }
                }
            ),
            ("compact.below", .invalidArgument, { $0.compact = .with { $0.below = -1 } }),
            ("backup.offset", .invalidArgument, { $0.backup = .with { $0.offset = -1 } }),
            ("open_session.agent", .invalidArgument, { $0.openSession = PBOpenSession() }),
            ("note_reads.reads[0].key", .invalidName, { $0.noteReads = .with { $0.reads = [PBNoteReads.Note()] } }),
            ("topics[0]", .invalidName, { $0.digest = .with { $0.topics = [""] } }),
            ("topics", .invalidArgument, { $0.diff = PBGetDiff() }),
            (
                "diff.to.branch", .invalidName,
                {
                    $0.diff = .with { ($0.topics, $0.to.branch) = (["/"], "x/y") }
                }
            ),
            (
                "diff.from.at", .invalidArgument,
                {
                    $0.diff = .with { ($0.topics, $0.from.at) = (["/"], -1) }
                }
            ),
            (
                "diff.cursor.branch", .invalidName,
                {
                    $0.diff = .with { ($0.topics, $0.cursor.branch) = (["/"], "x/y") }
                }
            ),
        ]
        for (field, code, fill) in cases {
            let failure = try self.failure(fill)
            #expect(failure.code == code && failure.message.hasPrefix(field + ":"), "\(failure)")
            #expect(!failure.hint.isEmpty)
        }
    }

    @Test("counts over the limits are refused and name the limit")
    func counts() throws {
        var limits = Limits()
        limits.keysPerRequest = 2
        limits.topicsPerFilter = 2
        limits.nameBytes = 3
        let keys = try failure(limits: limits) { $0.get = .with { $0.keys = ["a", "b", "c"] } }
        #expect(keys.code == .limitExceeded && keys.subject == "keysPerRequest")
        let topics = try failure(limits: limits) { $0.range = .with { $0.topics = ["a", "b", "c"] } }
        #expect(topics.code == .limitExceeded && topics.subject == "topicsPerFilter")
        let notes = try failure(limits: limits) { $0.noteReads = .with { $0.reads = [.init(), .init(), .init()] } }
        #expect(notes.code == .limitExceeded)
        #expect(try failure(limits: limits) { $0.openSession = .with { $0.agent = "long" } }.subject == "nameBytes")
        #expect(try decode(limits: limits) { $0.get = .with { $0.keys = ["a", "b"] } }.result.get().id == 42)
    }

    @Test("absent fields take their defaults, and pages are cut to size")
    func defaults() throws {
        guard
            case .range(let range) = try decode({ $0.range = .with { ($0.topics, $0.limit) = (["/"], .max) } }).result
                .get().body
        else { throw CancellationError() }
        #expect(range.branch == .main && range.limit == 10_000 && range.after == nil && range.at == nil)
        guard case .log(let log) = try decode({ $0.log = PBLog() }).result.get().body else { throw CancellationError() }
        #expect(log.branch == nil && log.filter == nil && log.limit == 100 && log.cursor == nil && log.basis == nil)
    }
}
