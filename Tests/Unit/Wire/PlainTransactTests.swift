import Foundation
import MembusModel
import SwiftProtobuf
import Testing

@testable import MembusWire

@Suite("The short way to read a plain transaction")
struct PlainTransactTests {
    private func read(_ bytes: [UInt8]) -> Request? { bytes.withUnsafeBytes { PlainTransact.request($0, Limits()) } }

    private func readByGeneratedCode(_ bytes: [UInt8]) -> Request? {
        bytes.withUnsafeBytes { try? WireCodec.decodeAnyRequest($0, Limits()).result.get() }
    }

    private func plain(_ samples: inout Samples) -> Request {
        let transaction = Transaction(
            branch: samples.branch(), context: samples.text(), message: samples.text(),
            changes: samples.list { samples in
                Change(
                    samples.key(), samples.flag() ? .delete : .put(Put(samples.data(), kind: Kind(samples.someText()))))
            },
            reads: samples.list { samples in
                samples.read(on: samples.maybe { $0.branch() }, isOwn: samples.flag())
            })
        return Request(
            id: UInt64(samples.small()), deadline: samples.maybe { .milliseconds($0.small() + 1) },
            instance: samples.maybe { Instance($0.present()) }, streams: samples.list { $0.stream() },
            body: .transact(
                Transact(
                    session: SessionID(samples.word()), number: UInt64(samples.positive()),
                    acknowledged: UInt64(samples.small()),
                    work: .success(.transaction(transaction)))))
    }

    @Test("plain transactions are read as the generated code reads them")
    func plainTransactions() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<2000 {
            let request = plain(&samples)
            let read = try #require(read(try WireCodec.encode(request)), "seed \(seed)")
            #expect(canonical(read) == canonical(request), "seed \(seed)")
        }
    }

    @Test("whatever it takes, the generated code reads the same; of all other requests it takes none")
    func agreement() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<40 {
            for request in samples.requests() {
                let bytes = try WireCodec.encode(request)
                if let read = read(bytes) { #expect(canonical(read) == canonical(request), "seed \(seed)") }
                guard case .transact = request.body else {
                    #expect(read(bytes) == nil)
                    continue
                }
            }
        }
    }

    @Test("of mutilated requests it reads what the generated code reads, or leaves them alone")
    func mutilated() throws {
        var samples = Samples(seed: seed)
        for _ in 0..<20_000 {
            var bytes = try WireCodec.encode(plain(&samples))
            for _ in 0..<Int.random(in: 1...3, using: &samples.random) {
                let index = Int.random(in: 0..<bytes.count, using: &samples.random)
                switch Int.random(in: 0..<4, using: &samples.random) {
                case 0: bytes.removeSubrange(index...)
                case 1: bytes += bytes[index...]
                default:
                    bytes[index] = samples.pick([
                        0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &samples.random),
                    ])
                }
                if bytes.isEmpty { break }
            }
            guard let read = read(bytes) else { continue }
            let expected = try #require(readByGeneratedCode(bytes), "seed \(seed): \(bytes)")
            #expect(canonical(read) == canonical(expected), "seed \(seed): \(bytes)")
        }
    }

    @Test("a field that comes twice, a bad key and a foreign version are left to the generated code")
    func leftAlone() throws {
        func bytes(_ change: (inout PBRequest) -> Void) throws -> [UInt8] {
            var request = PBRequest.with {
                $0.version = 1
                $0.transact = .with {
                    $0.number = 1
                    $0.transaction = .with { $0.changes = [.with { ($0.key, $0.delete) = ("k", PBDelete()) }] }
                }
            }
            change(&request)
            return try request.serializedBytes()
        }
        #expect(read(try bytes { _ in }) != nil)
        #expect(read(try bytes { _ in } + [0x10, 5, 0x10, 6]) == nil)
        #expect(read(try bytes { $0.version = 2 }) == nil)
        #expect(read(try bytes { $0.transact.number = 0 }) == nil)
        #expect(read(try bytes { $0.transact.transaction.changes[0].key = "/k" }) == nil)
        #expect(read(try bytes { $0.transact.transaction.changes[0].increment = 2 }) == nil)
        #expect(read(try bytes { $0.transact.transaction.preconditions = [.with { $0.absent = "k" }] }) == nil)
    }
}
