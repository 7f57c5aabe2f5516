import Foundation

@testable import MembusModel
@testable import MembusStore

// A decided batch's bytes. Whatever they are, they are a batch that encodes to them again, or are refused; and whatever
// the batch says, the store that it is said to follow takes it whole, or stays as it was.

extension FuzzTarget {
    static let batch = FuzzTarget(name: "batch", check: checkBatch, seeds: batchSeeds, mutations: 25)
}

private func checkBatch(_ bytes: [UInt8]) throws {
    try checkDecoding(Data(bytes))
    // Behind a right checksum.
    let body = bytes.dropLast(DecidedBatch.checksumBytes)
    guard let batch = try checkDecoding(DecidedBatch.sealed([UInt8](body))) else { return }
    let store = try BatchStore()
    try checkApplying(batch, to: store)
    var fitting = batch
    (fitting.lineage, fitting.follows, fitting.followedHash) = (
        store.writer.lineage, store.writer.head.revision, store.writer.state.hash
    )
    try checkApplying(fitting, to: store)
}

@discardableResult
private func checkDecoding(_ data: Data) throws -> DecidedBatch? {
    do {
        let batch = try DecidedBatch(decoding: data)
        try require(batch.encoded == data, "a batch has other bytes than those that it was read from")
        return batch
    } catch let error as DecidedBatch.Undecodable {
        try requireClear("\(error)", "a batch")
        return nil
    }
}

private func checkApplying(_ batch: DecidedBatch, to store: BatchStore) throws {
    let before = try store.reader.rows()
    do {
        try store.writer.apply(batch)
        try require(store.writer.state.hash == batch.reachedHash, "a batch led elsewhere than it says")
    } catch let error as StoreError {
        try requireClear(error.message, most: 1 << 16, "a batch that does not fit")
        try require(!error.isFatal, "a batch ends the store: \(error)")
        try require(try store.reader.rows() == before, "a batch that was refused has left something")
    }
    let again = try store.writer.write([.expire], at: Timestamp(milliseconds: 5_000_000))
    try require(again.results.count == 1, "the store does not go on")
}

/// With something in it.
private struct BatchStore {
    let writer: Writer
    let reader: Reader
    private(set) var decided: [DecidedBatch] = []

    init() throws {
        let store = try Store.inMemory(newLineage: 7)
        (writer, reader) = (try store.makeWriter(), try store.makeReader())
        for items in try batchItems() { try decide(items) }
    }

    mutating func decide(_ items: [WriteItem]) throws {
        var decided: DecidedBatch?
        _ = try writer.write(items, at: Timestamp(milliseconds: 1_000_000 + Int64(self.decided.count))) { decided = $0 }
        if let decided { self.decided.append(decided) }
    }
}

private func batchItems() throws -> [[WriteItem]] {
    var number: UInt64 = 0
    func item(_ work: Work) -> WriteItem {
        number += 1
        let request = Transact(session: SessionID(4), number: number, acknowledged: number / 2, work: .success(work))
        return .transact(request, fingerprint: work.fingerprint)
    }
    func put(_ key: String, if preconditions: [Precondition] = []) -> Work {
        let value = Put(
            Data("value".utf8), attributes: ["by": "ada"],
            links: [Link(relation: "of", target: Key(unchecked: "people/ada"))], expiry: .after(.seconds(60)))
        return .transaction(
            Transaction(
                context: "c", message: "m", preconditions: preconditions,
                changes: [Change(Key(unchecked: key), .put(value))],
                reads: [ReadVersion(key: Key(unchecked: key), version: 0)]))
    }
    let read = NotedRead(
        context: "c", branch: .main, key: Key(unchecked: "a"), version: 1, time: Timestamp(milliseconds: 9))
    return [
        [.openSession(SessionID(4), agent: "a"), .openSession(SessionID(9), agent: "idle")],
        [item(put("a")), item(put("b")), item(put("a", if: [.absent(Key(unchecked: "a"))]))],
        [
            item(.fork(Fork(name: BranchName(unchecked: "trial"), at: 1))),
            .noteReads(NoteReads(agent: "a", reads: [read])),
        ],
        [item(put("c")), .dropSessions(unusedFor: .milliseconds(1))],
        [.compact(Compact(below: 2), by: Retention())],
    ]
}

/// Those that lead to the store, and one that follows it.
private func batchSeeds() throws -> [[UInt8]] {
    var store = try BatchStore()
    let work = Work.transaction(Transaction(changes: [Change(Key(unchecked: "b"), .delete)]))
    let request = Transact(session: SessionID(4), number: 6, acknowledged: 5, work: .success(work))
    try store.decide([.transact(request, fingerprint: work.fingerprint), .openSession(SessionID(11), agent: "n")])
    return store.decided.map { [UInt8]($0.encoded) }
}
