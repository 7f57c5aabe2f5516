import Foundation
import MembusModel
import MembusStore

@testable import MembusBroker

/// A store in memory with one session, whose history two such stores share as long as they are written alike.
final class FollowedStore {
    let store: Store
    let writer: Writer
    let reader: Reader
    var now = Timestamp(milliseconds: 1_000_000)
    private let session = SessionID(7)
    private var number: UInt64 = 0

    init() throws {
        store = try Store.inMemory(newLineage: 4711)
        writer = try store.makeWriter()
        reader = try store.makeReader()
        _ = try writer.write([.openSession(session, agent: "ada")], at: now)
    }

    var head: Revision { writer.head.revision }

    func write(_ work: Work) throws {
        number += 1
        let request = Transact(session: session, number: number, acknowledged: number - 1, work: .success(work))
        _ = try writer.write([.transact(request, fingerprint: work.fingerprint)], at: now)
    }

    func change(_ changes: [(String, Change.Action)], on branch: BranchName = .main) throws {
        let changes = changes.map { Change(Key(unchecked: $0.0), $0.1) }
        try write(.transaction(Transaction(branch: branch, changes: changes)))
    }

    func put(_ key: String, _ value: String, on branch: BranchName = .main) throws {
        try change([(key, .put(Put(Data(value.utf8))))], on: branch)
    }

    func delete(_ key: String, on branch: BranchName = .main) throws { try change([(key, .delete)], on: branch) }

    func fork(_ name: String, from parent: BranchName = .main, at: Revision? = nil) throws -> BranchName {
        let branch = BranchName(unchecked: name)
        try write(.fork(Fork(name: branch, parent: parent, at: at)))
        return branch
    }

    func compact(to floor: Revision) throws {
        _ = try writer.write([.compact(Compact(below: floor), by: Retention())], at: now)
        while try writer.sweep(budget: 3) {}
    }

    func state(of branch: BranchName, at revision: Revision) throws -> [Key: Record] {
        let request = GetRange(branch: branch, filter: .everything, at: revision, limit: 10_000)
        let records = try reader.range(request, visible: head).records
        return Dictionary(uniqueKeysWithValues: records.map { ($0.key, $0) })
    }
}

/// Holds what every branch shows, and what did not fit that on the way.
struct MirroredBranches: Projection {
    private(set) var position: Position?
    private(set) var branches: [BranchName: [Key: Record]] = [:]
    private(set) var faults: [String] = []
    private(set) var beginnings = 0
    var inlineBytes: Int { .max }
    var isShort: Bool { false }

    func follows(_ branch: BranchInfo) -> Bool { true }

    mutating func begin() {
        beginnings += 1
        (position, branches) = (nil, [:])
    }

    mutating func add(_ record: Record, on branch: BranchName) {
        if branches[branch, default: [:]].updateValue(record, forKey: record.key) != nil {
            faults.append("\(record) was added twice on \(branch)")
        }
    }

    mutating func apply(_ commit: FollowedCommit) {
        if let position, commit.info.revision != position.revision + 1 {
            faults.append("\(commit.info.revision) follows \(position)")
        }
        var state = branches[commit.info.branch] ?? [:]
        for change in commit.changes {
            if state[change.record.key] != change.replaced {
                faults.append("\(change.record) replaced \(String(describing: change.replaced))")
            }
            state[change.record.key] = change.record.isDeleted ? nil : change.record
        }
        branches[commit.info.branch] = state
    }

    mutating func reached(_ position: Position) { self.position = position }
}

extension ProjectionFeed {
    /// - Returns: how many steps it took.
    @discardableResult
    mutating func finish(upTo visible: Revision, from source: some ProjectionSource) throws -> Int {
        var steps = 1
        while try step(upTo: visible, from: source) { steps += 1 }
        return steps
    }
}
