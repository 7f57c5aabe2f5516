import Foundation
import MembusModel

@testable import MembusStore

// A whole file that somebody says is a store or a backup: a small real one, damaged by a script. Whatever the damage,
// it can be looked at, verified, restored and written to without a trap; an error says something; and a verdict is
// true: where nothing is found wrong and the head is what it was, so is everything under every key.

extension FuzzTarget {
    static let file = FuzzTarget(name: "file", check: checkFile, seeds: { fileSeeds }, mutations: 20)
}

/// What is damaged.
private struct Sample: Sendable {
    var bytes: [UInt8]
    /// Where it is not zero: most of a small store is empty.
    var used: [Int]
    var head: Position
    var digests: [StateDigest]
}

private let branches = [BranchName.main, BranchName(unchecked: "trial")]
private let everything = TopicFilter([Topic(unchecked: "/")])
private let sample = Result { try makeSample() }

// MARK: The properties

private func checkFile(_ bytes: [UInt8]) throws {
    let sample = try sample.get()
    let place = try Place()
    defer { place.remove() }
    try Data(damaged(sample, by: bytes)).write(to: URL(fileURLWithPath: place.file))
    try told { try look(at: try Store.reader(ofFile: place.file), sample) }
    try told {
        _ = try Store.restore(place.file, into: place.directory, newLineage: 9)
        let store = try Store.open(at: place.directory, newLineage: 0)
        try told { try write(to: try store.makeWriter()) }
        try told { _ = try store.makeReader().verify() }
    }
}

/// A script of at most 16 changes: a place, two bytes, among those that are used; then 255 to cut the file there, or
/// what is written over it.
private func damaged(_ sample: Sample, by bytes: [UInt8]) -> [UInt8] {
    var (file, script) = (sample.bytes, Script(bytes))
    for _ in 0..<16 where !script.isAtEnd {
        let place = sample.used[(Int(script.byte()) << 8 | Int(script.byte())) % sample.used.count]
        if script.byte() == 255 {
            file = Array(file.prefix(place))
        } else {
            for (offset, byte) in script.piece().enumerated() where place + offset < file.count {
                file[place + offset] = byte
            }
        }
    }
    return file
}

/// Runs what may fail, but not without a word.
private func told(_ body: () throws -> Void) throws {
    do { try body() } catch let error as Violation { throw error } catch {
        switch error {
        case let error as StoreError: try requireClear(error.message, "a damaged store")
        case let error as Refusal: try requireClear(error.message, "a damaged store")
        default: throw Violation("a damaged store ends in \(type(of: error)): \(error)")
        }
    }
}

private func look(at reader: Reader, _ sample: Sample) throws {
    var isSound = false
    try told {
        let verification = try reader.verify()
        for problem in verification.problems { try requireClear(problem, "verify") }
        isSound = try verification.problems.isEmpty && reader.head() == sample.head
    }
    try told {
        var log = GetLog(branch: nil, ascending: true, limit: 100, values: true)
        for _ in 0..<100 {
            let page = try reader.log(log, visible: .max)
            log.cursor = page.next
            if !page.more { break }
        }
    }
    try told { _ = try reader.branches(visible: .max) }
    let at = sample.head.revision
    for (branch, digest) in zip(branches, sample.digests) {
        let range = GetRange(branch: branch, filter: everything, at: at, limit: 100)
        try told { _ = try reader.range(range, visible: .max) }
        let found = Result { try reader.digest(everything, on: branch, at: at, visible: .max).digest }
        guard isSound else {
            try told { _ = try found.get() }
            continue
        }
        let isAsBefore = (try? found.get()) == digest
        try require(isAsBefore, "verify found nothing wrong, and \(branch) is not what it was: \(found)")
    }
}

private func write(to writer: Writer) throws {
    let work = Work.transaction(
        Transaction(branch: .main, changes: [Change(Key(unchecked: "plans/1"), .put(Put(Data("new".utf8))))]))
    _ = try writer.write(
        [
            .openSession(SessionID(5), agent: "b"),
            .transact(
                Transact(session: SessionID(5), number: 1, acknowledged: 0, work: .success(work)),
                fingerprint: work.fingerprint),
            .expire,
        ], at: Timestamp(milliseconds: 2_000_000))
}

// MARK: What there is before

/// A directory in memory where there is one: files are synced.
private struct Place {
    let root: String
    var file: String { root + "/file" }
    var directory: String { root + "/data" }

    init() throws {
        let base = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        root = "\(base)/membus-fuzz-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }
    func remove() { try? FileManager.default.removeItem(atPath: root) }
}

private func makeSample() throws -> Sample {
    let place = try Place()
    defer { place.remove() }
    let store = try Store.open(at: place.directory, newLineage: 7)
    let (writer, reader) = (try store.makeWriter(), try store.makeReader())
    var items = [WriteItem.openSession(SessionID(4), agent: "a")]
    for (index, work) in works().enumerated() {
        let asked = Transact(
            session: SessionID(4), number: UInt64(index + 1), acknowledged: 1, work: .success(work))
        items.append(.transact(asked, fingerprint: work.fingerprint))
    }
    _ = try writer.write(items, at: Timestamp(milliseconds: 1_000_000))
    let head = try reader.backup(to: place.file)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: place.file)))
    return Sample(
        bytes: bytes, used: bytes.indices.filter { bytes[$0] != 0 }, head: head,
        digests: try branches.map { try reader.digest(everything, on: $0, at: head.revision, visible: .max).digest })
}

private func works() -> [Work] {
    func transaction(_ branch: BranchName, _ changes: [(String, Change.Action)], absent: String? = nil) -> Work {
        .transaction(
            Transaction(
                branch: branch, context: "c", message: "m",
                preconditions: absent.map { [.absent(Key(unchecked: $0))] } ?? [],
                changes: changes.map { Change(Key(unchecked: $0.0), $0.1) }))
    }
    let rich = Put(
        Data("value".utf8), attributes: ["by": "ada"],
        links: [Link(relation: "of", target: Key(unchecked: "people/ada"))], expiry: .after(.seconds(60)))
    let large = Put(Data(repeating: 0x61, count: 6000))
    return [
        transaction(.main, [("plans/1", .put(Put(Data("one".utf8)))), ("n", .increment(3))]),
        transaction(.main, [("plans/2", .put(rich)), ("plans/large", .put(large))]),
        .fork(Fork(name: branches[1], parent: .main, at: nil, message: "try")),
        transaction(branches[1], [("plans/1", .delete), ("plans/3", .put(rich))]),
        transaction(.main, [("plans/1", .put(Put(Data("two".utf8))))], absent: "plans/1"),
        transaction(.main, [("n", .increment(4)), ("t", .append(Data("text".utf8)))]),
    ]
}

private let fileSeeds: [[UInt8]] = [
    [], [0, 30, 0, 1, 7], [1, 200, 255], [2, 0, 0, 4, 255, 255, 255, 255, 8, 7, 0, 2, 0, 1],
    [3, 9, 0, 1, 200, 12, 40, 0, 3, 0, 0, 0],
]
