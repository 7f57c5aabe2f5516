import Foundation
import MembusModel
import MembusStore
import Testing

/// A directory that goes when the test ends.
final class Scratch {
    let path = NSTemporaryDirectory() + "membus-store-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String) -> String { path + "/" + name }
}

/// A store with one session, and short ways to write.
final class World {
    let store: Store
    let writer: Writer
    let reader: Reader
    var session = SessionID(77)
    var number: UInt64 = 0
    var now = Timestamp(milliseconds: 1_000_000)

    init(in scratch: Scratch? = nil, directory: String? = nil) throws {
        store =
            try (directory ?? scratch?.path).map { try Store.open(at: $0, newLineage: 4711) }
            ?? Store.inMemory(newLineage: 4711)
        writer = try store.makeWriter()
        reader = try store.makeReader()
        _ = try writer.write([.openSession(session, agent: "ada")], at: now)
    }

    /// The session is known from before.
    init(reopening scratch: Scratch, number: UInt64) throws {
        store = try Store.open(at: scratch.path, newLineage: 1)
        writer = try store.makeWriter()
        reader = try store.makeReader()
        self.number = number
    }

    var head: Revision { writer.head.revision }

    func item(_ work: Work, number: UInt64? = nil, acknowledged: UInt64 = 0) -> WriteItem {
        if number == nil { self.number += 1 }
        return .transact(
            Transact(
                session: session, number: number ?? self.number, acknowledged: acknowledged, work: .success(work)),
            fingerprint: work.fingerprint)
    }

    func write(_ works: Work...) throws -> WrittenBatch {
        try writer.write(works.map { item($0) }, at: now)
    }

    @discardableResult
    func put(_ key: String, _ value: String, on branch: BranchName = .main, expires: Put.Expiry = .never) throws
        -> Revision
    {
        try revision(write(.put(key, value, on: branch, expires: expires)))
    }

    @discardableResult
    func delete(_ key: String, on branch: BranchName = .main) throws -> Revision {
        try revision(write(.change(key, .delete, on: branch)))
    }

    @discardableResult
    func fork(
        _ name: String, from parent: BranchName = .main, at: Revision? = nil, expires: Bool = false
    ) throws -> BranchName {
        let branch = BranchName(unchecked: name)
        _ = try revision(write(.fork(Fork(name: branch, parent: parent, at: at, expires: expires))))
        return branch
    }

    @discardableResult
    func change(_ branch: BranchName, _ action: BranchChange.Action) throws -> Outcome {
        try outcome(write(.branch(BranchChange(branch, action))))
    }

    @discardableResult
    func tag(_ name: String, on branch: BranchName = .main, at: Revision? = nil) throws -> TagName {
        let tag = TagName(unchecked: name)
        _ = try revision(write(.tag(TagChange(tag, .create(branch: branch, at: at)))))
        return tag
    }

    func deleteTag(_ name: String) throws {
        _ = try revision(write(.tag(TagChange(TagName(unchecked: name), .delete))))
    }

    func outcome(_ batch: WrittenBatch) throws -> Outcome {
        guard let outcome = batch.results.last?.outcome else {
            throw Unexpected("refused: \(String(describing: batch.results.last?.refusal))")
        }
        return outcome
    }

    func outcome(of work: Work) throws -> Outcome { try outcome(write(work)) }

    func refusal(_ work: Work) throws -> Refusal { try #require(try write(work).results.last?.refusal) }

    func expire() throws -> [Commit] { try writer.write([.expire], at: now).commits }

    func revision(_ batch: WrittenBatch) throws -> Revision {
        guard let position = batch.results.last?.outcome?.commit else {
            throw Unexpected("no commit: \(String(describing: batch.results.last))")
        }
        return position.revision
    }

    func get(_ key: String, on branch: BranchName = .main, at: Revision? = nil) throws -> Record {
        let at = at.map { Position(revision: $0, hash: 0) }
        return try #require(try reader.get([Key(key)], on: branch, at: at, visible: head).records.first)
    }

    func text(_ key: String, on branch: BranchName = .main, at: Revision? = nil) throws -> String? {
        try get(key, on: branch, at: at).text.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// All records of a branch, read page by page.
    func state(
        _ filter: TopicFilter = .everything, on branch: BranchName = .main, at: Revision? = nil, page: Int = 7
    ) throws -> [String: String] {
        var state: [String: String] = [:]
        var after: Key?
        while true {
            let answer = try reader.range(
                .init(branch: branch, filter: filter, at: at, after: after, limit: page), visible: head)
            for record in answer.records { state[record.key.text] = record.text }
            guard answer.more else { return state }
            after = try #require(answer.records.last).key
        }
    }

    func compact(to floor: Revision) throws {
        try raiseFloor(to: floor)
        while try writer.sweep(budget: 3) {}
    }

    func raiseFloor(to floor: Revision) throws {
        _ = try writer.write([.compact(Compact(below: floor), by: Retention())], at: now)
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Work {
    static func put(
        _ key: String, _ value: String, on branch: BranchName = .main, expires: Put.Expiry = .never,
        if preconditions: [Precondition] = []
    ) -> Work {
        .transaction(
            Transaction(
                branch: branch, message: "put", preconditions: preconditions,
                changes: [Change(Key(unchecked: key), .put(Put(Data(value.utf8), expiry: expires)))]))
    }

    static func change(_ key: String, _ action: Change.Action, on branch: BranchName = .main) -> Work {
        .transaction(Transaction(branch: branch, changes: [Change(Key(unchecked: key), action)]))
    }
}

extension WriteResult {
    var outcome: Outcome? { if case .outcome(let outcome) = self { outcome } else { nil } }
    var refusal: Refusal? { if case .refused(let failure) = self { failure } else { nil } }
}
