import Foundation
import MembusModel
import MembusStore

@testable import MembusSearch

/// A directory that goes when the test ends.
final class Scratch {
    let path = NSTemporaryDirectory() + "membus-search-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    func file(_ name: String) -> String { path + "/" + name }
}

/// A store with two sessions, short ways to write, and its index.
final class SearchedStore {
    let store: Store
    let writer: Writer
    let reader: Reader
    let scratch: Scratch
    let splitter: WordSplitter
    var index: SearchIndex
    var now = Timestamp(milliseconds: 1_000_000)
    private static let agents = ["ada", "Grace Hopper"]
    private var numbers: [UInt64] = [0, 0]

    init() throws {
        store = try Store.inMemory(newLineage: 4711)
        writer = try store.makeWriter()
        reader = try store.makeReader()
        scratch = try Scratch()
        splitter = try WordSplitter()
        index = try SearchIndex(at: scratch.file("search.db"), lineage: store.lineage, splitter)
        for (place, agent) in Self.agents.enumerated() {
            _ = try writer.write([.openSession(SessionID(UInt64(70 + place)), agent: agent)], at: now)
        }
    }

    var head: Revision { writer.head.revision }

    // MARK: Writing

    @discardableResult
    func write(_ work: Work, by agent: Int = 0) throws -> Revision {
        numbers[agent] += 1
        let transact = Transact(
            session: SessionID(UInt64(70 + agent)), number: numbers[agent], acknowledged: 0, work: .success(work))
        let written = try writer.write([.transact(transact, fingerprint: work.fingerprint)], at: now)
        guard case .outcome(let outcome) = written.results.last else {
            throw Unexpected("refused: \(String(describing: written.results.last))")
        }
        // A deletion of nothing makes no commit.
        return outcome.commit?.revision ?? head
    }

    @discardableResult
    func commit(_ changes: [Change], on branch: BranchName = .main, message: String = "noted", by agent: Int = 0) throws
        -> Revision
    {
        try write(.transaction(Transaction(branch: branch, message: message, changes: changes)), by: agent)
    }

    @discardableResult
    func put(_ key: String, _ put: Put, on branch: BranchName = .main, by agent: Int = 0) throws -> Revision {
        try commit([Change(Key(unchecked: key), .put(put))], on: branch, by: agent)
    }

    @discardableResult
    func put(_ key: String, _ value: String, on branch: BranchName = .main, by agent: Int = 0) throws -> Revision {
        try put(key, Put(Data(value.utf8)), on: branch, by: agent)
    }

    @discardableResult
    func put(_ key: String, _ value: String, links: [(String, String)]) throws -> Revision {
        try put(
            key, Put(Data(value.utf8), links: links.map { Link(relation: $0.0, target: Key(unchecked: $0.1)) }))
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

    func expire() throws { _ = try writer.write([.expire], at: now) }

    func compact(to floor: Revision) throws {
        _ = try writer.write([.compact(Compact(below: floor), by: Retention())], at: now)
        while try writer.sweep(budget: 3) {}
    }

    // MARK: Following

    /// Everything is searchable; what is to be written waits, or is written.
    func follow(andWrite: Bool = false) throws {
        while try index.step(from: reader, upTo: head, isIdle: andWrite) {}
    }

    /// As after a kill: what was not written is lost.
    func reopen() throws {
        let path = index.file.path
        index = try SearchIndex(at: scratch.file("other.db"), lineage: store.lineage, splitter)
        index = try SearchIndex(at: path, lineage: store.lineage, splitter)
    }

    /// The file as it is at this moment, under another name.
    func copyOfFile(_ name: String) throws -> String {
        let (own, copy) = (index.file.path, scratch.file(name))
        SearchIndex.remove(copy)
        for end in ["", "-wal"] where FileManager.default.fileExists(atPath: own + end) {
            try FileManager.default.copyItem(atPath: own + end, toPath: copy + end)
        }
        return copy
    }

    func madeAnew() throws -> SearchIndex {
        let path = scratch.file("anew-\(UUID().uuidString).db")
        let anew = try SearchIndex(at: path, lineage: store.lineage, splitter)
        while try anew.step(from: reader, upTo: head, isIdle: false) {}
        return anew
    }

    // MARK: Asking

    func layers(_ branch: BranchName = .main, at revision: Revision? = nil, of index: SearchIndex? = nil) throws
        -> LayeredState
    {
        try reader.layers(
            of: branch, at: revision, newest: (index ?? self.index).indexed.revision, visible: head)
    }

    func search(_ search: Search, by other: SearchIndex? = nil) throws -> SearchPage {
        let index = other ?? index
        return try index.search(
            search, in: try layers(search.branch, at: search.at, of: index), reader: reader, visible: head)
    }

    func found(_ question: String, on branch: BranchName = .main, at revision: Revision? = nil) throws -> [String] {
        try search(Search(branch: branch, at: revision, question: question, limit: 1000)).hits.map(\.key.text)
    }

    func links(_ request: GetLinks) throws -> LinkGraph {
        try index.links(
            request, in: try layers(request.branch, at: request.at), reader: reader, visible: head)
    }

    func recall(_ recall: Recall) throws -> Recollection {
        try index.recall(
            recall, in: try layers(recall.branch, at: recall.at), reader: reader, visible: head)
    }

    /// What a state shows, as the store itself reads it.
    func records(_ branch: BranchName, at revision: Revision) throws -> [StoredVersion] {
        var records: [Record] = []
        while true {
            let page = try reader.range(
                .init(branch: branch, filter: .everything, at: revision, after: records.last?.key, limit: 500),
                visible: head)
            records += page.records
            guard page.more else { break }
        }
        let places = records.map { LogCursor(revision: $0.revision, ordinal: $0.ordinal) }
        return try reader.versions(at: places, visible: head).compactMap { $0 }
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// As text, so that a failed expectation can be read.
func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
