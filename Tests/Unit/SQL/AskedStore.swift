import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusSQL

/// A store with one session, short ways to write, and queries.
final class AskedStore {
    let store: Store
    let writer: Writer
    let reader: Reader
    var now = Timestamp(milliseconds: 1_000_000)
    private let session = SessionID(77)
    private var number: UInt64 = 0

    init() throws {
        store = try Store.inMemory(newLineage: 4711)
        writer = try store.makeWriter()
        reader = try store.makeReader()
        _ = try writer.write([.openSession(session, agent: "ada")], at: now)
    }

    var head: Revision { writer.head.revision }

    @discardableResult
    func write(_ work: Work) throws -> Revision {
        number += 1
        let transact = Transact(session: session, number: number, acknowledged: 0, work: .success(work))
        let written = try writer.write([.transact(transact, fingerprint: work.fingerprint)], at: now)
        guard case .outcome(let outcome) = written.results.last else {
            throw Unexpected("refused: \(String(describing: written.results.last))")
        }
        // A deletion of nothing makes no commit.
        return outcome.commit?.revision ?? head
    }

    @discardableResult
    func commit(_ changes: [Change], on branch: BranchName = .main, reading reads: [ReadVersion] = []) throws
        -> Revision
    {
        var transaction = Transaction(branch: branch, context: "trip", message: "noted", changes: changes)
        transaction.reads = reads
        return try write(.transaction(transaction))
    }

    @discardableResult
    func put(_ key: String, _ value: String, on branch: BranchName = .main) throws -> Revision {
        try put(key, Put(Data(value.utf8)), on: branch)
    }

    @discardableResult
    func put(_ key: String, _ put: Put, on branch: BranchName = .main) throws -> Revision {
        try commit([Change(Key(unchecked: key), .put(put))], on: branch)
    }

    @discardableResult
    func delete(_ key: String, on branch: BranchName = .main) throws -> Revision {
        try commit([Change(Key(unchecked: key), .delete)], on: branch)
    }

    func fork(_ name: String, from parent: BranchName = .main, at: Revision? = nil) throws -> BranchName {
        let branch = BranchName(unchecked: name)
        try write(.fork(Fork(name: branch, parent: parent, at: at)))
        return branch
    }

    func tag(_ name: String, on branch: BranchName = .main) throws {
        try write(.tag(TagChange(TagName(unchecked: name), .create(branch: branch, at: nil))))
    }

    func compact(to floor: Revision) throws {
        _ = try writer.write([.compact(Compact(below: floor), by: Retention())], at: now)
        while try writer.sweep(budget: 3) {}
    }

    // MARK: Asking

    func ask(
        _ text: String, on branch: BranchName = .main, at: Revision? = nil, limits: SQLLimits = .roomy,
        cancellation: SQLCancellation? = nil, tally: QueryTally? = nil,
        search: @escaping SQLSearch = { _, _ in [] }, sources: @escaping SQLSources = { _ in nil }
    ) throws -> SQLResult {
        let query = SQLQuery(text, on: branch, at: at.map { Position(revision: $0, hash: 0) }, limits: limits)
        return try reader.answer(
            query, visible: head, cancellation: cancellation, sources: sources, search: search, tally: tally)
    }

    /// Rows as a person would write them.
    func rows(_ text: String, on branch: BranchName = .main, at: Revision? = nil) throws -> [String] {
        try ask(text, on: branch, at: at).rows.map { row in row.map(\.shown).joined(separator: " ") }
    }

    func refusal(
        _ text: String, limits: SQLLimits = .roomy, cancellation: SQLCancellation? = nil,
        search: @escaping SQLSearch = { _, _ in [] }
    ) throws -> Refusal {
        do {
            _ = try ask(text, limits: limits, cancellation: cancellation, search: search)
            throw Unexpected("it was answered: \(text.prefix(200))")
        } catch let refusal as Refusal {
            return refusal
        }
    }
}

extension SQLLimits {
    /// Memory is the whole process's, which runs other tests meanwhile.
    static var roomy: SQLLimits {
        var limits = SQLLimits()
        limits.memoryBytes = .max
        return limits
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension SQLCell {
    var shown: String {
        switch self {
        case .null: "null"
        case .integer(let integer): "\(integer)"
        case .real(let real): "\(real)"
        case .text(let text): text
        case .blob(let bytes): "x'\(bytes.map { String(format: "%02x", $0) }.joined())'"
        }
    }
}
