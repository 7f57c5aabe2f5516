import Foundation
import Testing

@testable import Membus

@Suite("Warm files")
struct WarmFileTests {
    private func make(_ count: Int) -> WarmFile {
        let records = (0..<count).map(record)
        let token = Token(lineage: Lineage(77), position: Position(revision: Revision(count + 5), hash: 0xABCD))
        return WarmFile(
            branch: .main, filter: TopicFilter([Topic(unchecked: "plans/")]), token: token, records: records)
    }

    private func record(_ index: Int) -> Record {
        let key = Key(unchecked: String(format: "plans/%05d", index))
        let content: Record.Value = index % 7 == 3 ? .announced(size: 100_000) : .inline(Data("value \(index)".utf8))
        let links = [Link(relation: "of", target: Key(unchecked: "people/ada"))]
        let expires = index % 2 == 0 ? Timestamp(milliseconds: 5) : nil
        return Record(
            key: key, revision: Revision(index + 1), content: content, attributes: ["n": "\(index)"], links: links,
            owner: "planner", expires: expires)
    }

    private func inDirectory<T>(_ body: (URL) throws -> T) throws -> T {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("warm-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        return try body(directory)
    }

    @Test("what was written is read, whatever its size", arguments: [0, 1, 40, 12_000])
    func roundTrip(count: Int) throws {
        try inDirectory { directory in
            let file = directory.appendingPathComponent("plans.warm")
            let written = make(count)
            try written.write(to: file)
            let read = try WarmFile(reading: file)
            #expect(read.token == written.token)
            #expect(read.filter == written.filter)
            #expect(read.records == written.records)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["plans.warm"])
        }
    }

    @Test("what a broker with raised limits lets in is written and read back")
    func raisedLimits() throws {
        try inDirectory { directory in
            let file = directory.appendingPathComponent("plans.warm")
            let topics = (0..<300).map { Topic(unchecked: "topic-\($0)/") }
            let large = Record(
                key: Key(unchecked: "topic-7/large"), revision: 3, content: .inline(Data(count: 65 << 20)), owner: "me")
            let token = Token(lineage: Lineage(77), position: Position(revision: 9, hash: 0xABCD))
            let written = WarmFile(branch: .main, filter: TopicFilter(topics), token: token, records: [large])
            try written.write(to: file)
            let read = try WarmFile(reading: file)
            #expect(read.filter == written.filter && read.records == written.records)
        }
    }

    @Test("a file cut short anywhere is refused")
    func truncations() throws {
        let bytes = try contents()
        for length in 0..<bytes.count {
            #expect(throws: WarmFile.Damage.self, "cut at \(length)") { try WarmFile(decoding: bytes.prefix(length)) }
        }
    }

    @Test("a flipped bit anywhere is refused")
    func flips() throws {
        let bytes = try contents()
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 1 << UInt8(index % 8)
            #expect(throws: WarmFile.Damage.self, "flipped at \(index)") { try WarmFile(decoding: damaged) }
        }
    }

    @Test("a record that is of none of its topics, or newer than it says, refuses it")
    func strangers() throws {
        for stranger in [
            Record(key: Key(unchecked: "zoo"), revision: 1), Record(key: Key(unchecked: "plans/x"), revision: 100),
        ] {
            let made = make(3)
            try inDirectory { directory in
                let file = directory.appendingPathComponent("f")
                try WarmFile(branch: .main, filter: made.filter, token: made.token, records: made.records + [stranger])
                    .write(to: file)
                #expect(throws: MembusError.self) { try WarmFile(reading: file) }
            }
        }
    }

    @Test("bytes behind the end are refused")
    func appended() throws {
        let bytes = try contents()
        #expect(throws: WarmFile.Damage.self) { try WarmFile(decoding: bytes + Data([0])) }
    }

    @Test("a missing file, another topic and another lineage say what to do")
    func unfit() throws {
        let url = URL(fileURLWithPath: "/nonexistent/x.warm")
        #expect(throws: MembusError.self) { try WarmFile(reading: url) }
        let file = make(1)
        #expect(throws: MembusError.self) {
            try file.check(fits: Follow(branch: .main, filter: .everything, mode: .update), at: url)
        }
        do throws(MembusError) {
            try file.check(isOf: Lineage(78), at: url)
            Issue.record("accepted")
        } catch {
            #expect(error.description.contains("restored from a backup"))
        }
    }

    private func contents() throws -> Data {
        try inDirectory { directory in
            let file = directory.appendingPathComponent("f")
            try make(9).write(to: file)
            return try Data(contentsOf: file)
        }
    }
}
