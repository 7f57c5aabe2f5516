import Crypto
import Foundation
import MembusModel

@testable import Membus

// A warm file: as it is, and with the hash put right, so that what stands behind the hash is reached too.

extension FuzzTarget {
    static let warm = FuzzTarget(name: "warm", check: checkWarm, seeds: warmSeeds)
}

private func checkWarm(_ bytes: [UInt8]) throws {
    try check(Data(bytes))
    let body = WarmFile.magic + Data([0, 0, 0, 1]) + Data(bytes)
    try check(body + Data(SHA256.hash(data: body)))
}

private func check(_ bytes: Data) throws {
    let file: WarmFile
    do throws(WarmFile.Damage) { file = try WarmFile(decoding: bytes) } catch {
        try requireClear(error.what, "warm file")
        return try requireClear(error.hint, "warm file")
    }
    for record in file.records {
        try require(file.filter.matches(record.key), "\(record.key) is none of the file's topics, \(file.filter)")
        try require(record.revision <= file.token.revision, "\(record.key) is newer than the file")
    }
    // In the directory for shared memory where there is one: the file is synced.
    let directory = URL(
        fileURLWithPath: FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory())
    let place = directory.appendingPathComponent("membus-fuzz-\(getpid())-\(UInt64.random(in: 0 ... .max)).warm")
    defer { try? FileManager.default.removeItem(at: place) }
    try file.write(to: place)
    let again = try WarmFile(reading: place)
    try require(
        again.token == file.token && again.filter == file.filter && again.branch == file.branch
            && again.records == file.records,
        "it changed on the way")
}

private func warmSeeds() throws -> [[UInt8]] {
    try [0, 1, 3].flatMap { (count: Int) throws -> [[UInt8]] in
        let records = (0..<count).map { (index: Int) -> Record in
            let content: Record.Value = index == 1 ? .announced(size: 70_000) : .inline(Data("value".utf8))
            let expires = index == 2 ? Timestamp(milliseconds: 5) : nil
            return Record(
                key: Key(unchecked: "plans/\(index)"), revision: Revision(index + 1),
                content: content, attributes: ["by": "ada"],
                links: [Link(relation: "of", target: Key(unchecked: "people/ada"))], owner: "ada",
                expires: expires)
        }
        let file = WarmFile(
            branch: .main, filter: TopicFilter([Topic(unchecked: "plans/")]),
            token: Token(lineage: Lineage(7), position: Position(revision: 9, hash: 3)), records: records)
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("seed-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        try file.write(to: place)
        let whole = [UInt8](try Data(contentsOf: place))
        return [whole, [UInt8](whole.dropFirst(12).dropLast(32))]
    }
}
