import Foundation
import MembusChecker
import MembusModel
import MembusStore

// A second store, which knows of the broker's only what was decided there: it takes each durable batch as bytes. It
// sweeps at a pace of its own, and draws no dice: with or without it, a seed's history is the same.
final class Replica {
    private let store: Store
    private let writer: Writer
    private let reader: Reader
    private let directory: String?
    private var applied = 0

    /// Follows a new store.
    init(lineage: UInt64) throws {
        directory = nil
        store = try Store.inMemory(newLineage: lineage)
        (writer, reader) = (try store.makeWriter(), try store.makeReader())
    }

    /// Follows a store from where it is now.
    init(copyOf disk: Disk) throws {
        let place = Disk.newPath()
        directory = place
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        _ = try disk.reader.backup(to: place + "/membus.db")
        store = try Store.open(at: place, newLineage: 0)
        (writer, reader) = (try store.makeWriter(), try store.makeReader())
    }

    func apply(_ batch: DecidedBatch) throws {
        try writer.apply(try DecidedBatch(decoding: batch.encoded))
        applied += 1
        if applied % 4 == 0 { _ = try writer.sweep(budget: 2) }
    }

    /// Whether the store holds what this batch decided, which has not come here. How far each has swept, and which notes
    /// it has dropped so far, does not matter.
    func lacks(_ batch: DecidedBatch, of disk: Disk) throws -> Bool {
        if try disk.reader.head() != reader.head() { return true }
        let (rows, others) = (try reader.rows(), try disk.reader.rows())
        if ["branches", "sessions", "meta"].contains(where: { rows[$0] != others[$0] }) { return true }
        return !Set(others["notes"] ?? []).isSubset(of: rows["notes"] ?? [])
    }

    /// The first row that only one of them has, when both are swept.
    func difference(from disk: Disk) throws -> String? {
        while try writer.sweep() {}
        let floor = try reader.floor().revision
        let rows = Self.withoutOldDeletions(try reader.rows(), floor)
        let others = Self.withoutOldDeletions(try disk.reader.rows(), floor)
        for table in Set(rows.keys).union(others.keys).sorted() {
            let (ours, theirs) = (rows[table] ?? [], others[table] ?? [])
            if ours == theirs { continue }
            let (missing, extra) = (Set(theirs).subtracting(ours), Set(ours).subtracting(theirs))
            let row = missing.min().map { "lacks \($0)" } ?? extra.min().map { "has \($0)" } ?? "counts otherwise"
            return "its table \(table) \(row)"
        }
        return nil
    }

    /// Whether a deletion that hides nothing is still there hangs on which branches had learnt of it when the sweep came by.
    private static func withoutOldDeletions(_ rows: [String: [String]], _ floor: Revision) -> [String: [String]] {
        var rows = rows
        func number(_ row: String) -> Int64 { Int64(row.prefix { $0 != "," }) ?? 0 }
        let changes = (rows["changes"] ?? []).filter { row in
            number(row) >> 20 > floor || !isDeletion(row)
        }
        let kept = Set(changes.map { number($0) >> 20 })
        rows["changes"] = changes
        rows["commits"] = rows["commits"]?.filter { number($0) > floor || kept.contains(number($0)) }
        return rows
    }

    /// Behind its place, branch and key it has nothing, however many columns there are.
    private static func isDeletion(_ row: String) -> Bool {
        var rest = Substring(row)
        while rest.hasSuffix(", NULL") { rest.removeLast(6) }
        return rest.split(separator: ",").count == 3
    }

    func remove() { if let directory { try? FileManager.default.removeItem(atPath: directory) } }
}

extension World {
    /// A batch is durable.
    func follow(_ batch: DecidedBatch) {
        for case .dropped(let sessions) in batch.entries { coverage.count(.sessionDropped, times: sessions.count) }
        for commit in batch.commits { conflictsParked += commit.records.count { $0.key.isParkedConflict } }
        guard let replica else { return }
        do {
            try replica.apply(altered(batch))
            coverage.count(.followed)
        } catch {
            note(.broken(.replicaEquals, "the second store refuses a batch: \(error)"))
            replica.remove()
            self.replica = nil
        }
    }

    /// After a restore, whose sessions and lineage are not the old store's.
    func followAnew() throws {
        doubtful = nil
        replica?.remove()
        replica = try Replica(copyOf: disk)
        coverage.count(.followedAnew)
    }

    /// What was under way when the process died is there, or is not.
    func settleDoubt() throws {
        defer { doubtful = nil }
        guard let batch = doubtful, let replica else { return }
        guard try replica.lacks(batch, of: disk) else { return coverage.count(.doubtLost) }
        coverage.count(.doubtDurable)
        if batch.entries.contains(where: { if case .floor = $0 { true } else { false } }) {
            try disk.take(batch.commits)
        }
        follow(batch)
    }

    func compareStores(_ broker: BrokerProcess) throws {
        guard let replica else { return }
        while try broker.writer.sweep() {}
        if let difference = try replica.difference(from: disk) {
            note(.broken(.replicaEquals, "the second store is not the first: \(difference)"))
        }
        coverage.count(.comparedAtRest)
    }

    /// What a mutant does not tell the second store.
    private func altered(_ batch: DecidedBatch) -> DecidedBatch {
        var batch = batch
        batch.entries = batch.entries.compactMap { entry in
            switch (mutant, entry) {
            case (.commitLeftOut, .commit(let commit)) where commit.fork == nil: return nil
            case (.branchLeftOut, .commit(var commit)):
                commit.fork = nil
                return .commit(commit)
            case (.derivedLeftOut, .commit(var commit)):
                commit.derived = []
                return .commit(commit)
            case (.numberLeftOut, .number), (.openingLeftOut, .opened), (.droppingLeftOut, .dropped),
                (.notesLeftOut, .noted), (.floorLeftOut, .floor):
                return nil
            default: return entry
            }
        }
        return batch
    }
}
