import CFaultyDisk
import Foundation
import MembusChecker
import MembusModel
import MembusStore

@testable import Membus

// The broker machine's disk: what is left when the broker is killed, or power goes.
//
// A store in memory loses nothing but what is under way. A store on disk lies in a directory of memory under
// a layer (CFaultyDisk) that fails as disks fail; when its process dies, connections are cut and the log is
// recovered by SQLite itself, from what a loss of power has left of it.
final class Disk {
    private(set) var store: Store
    private(set) var truth: Truth
    private(set) var reader: Reader
    private var directory: String?
    private(set) var faults: FaultyDisk?
    private var files: [String] = []
    private nonisolated(unsafe) static var lastFile = 0  // guarded by `lock`
    private static let lock = NSLock()

    /// - Parameter isOnDisk: as files, which can be torn; else in memory, until a backup is restored.
    init(lineage: UInt64, isOnDisk: Bool) throws {
        if isOnDisk {
            let place = Self.newPath()
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            directory = place
            faults = try FaultyDisk(place)
            store = try Store.open(at: place, newLineage: lineage)
        } else {
            store = try Store.inMemory(newLineage: lineage)
        }
        reader = try store.makeReader()
        truth = Truth(lineage: store.lineage, branches: try reader.branches(visible: .max))
    }

    /// What a broker that starts finds.
    /// - Parameter mostKept: outcomes of each session; `nil`: as many as the product keeps.
    func open(mostKept: UInt64? = nil) throws -> (writer: Writer, reader: Reader) {
        (try store.makeWriter(mostKept: mostKept ?? SessionState.mostKept), try store.makeReader())
    }

    /// Takes what was committed since into the truth; before anything is compacted or replaced.
    func harvest() throws {
        truth.know(try reader.branches(visible: .max))
        var log = GetLog(branch: nil, ascending: true, limit: 10_000, values: true)
        log.cursor = .end(of: truth.head.revision)
        while true {
            let page = try reader.log(log, visible: .max)
            for commit in page.commits where !truth.append(commit) {
                throw Lost("revision \(commit.info.revision) follows \(truth.head.revision) in the log")
            }
            guard page.more else { break }
            log.cursor = page.next
        }
    }

    /// What history would lose before it could be harvested: the floor has risen over it.
    func take(_ commits: [Commit]) throws {
        truth.know(try reader.branches(visible: .max))
        for commit in commits where !truth.append(commit) {
            throw Lost("revision \(commit.info.revision) follows \(truth.head.revision) in a batch")
        }
    }

    /// The store's own verification, and the head against what was harvested.
    func verify() throws {
        let verification = try reader.verify(visible: .max)
        if !verification.problems.isEmpty { throw Lost("verify: \(verification.problems)") }
        let head = try reader.head()
        if head != truth.head { throw Lost("the store's head is \(head), of the log \(truth.head)") }
    }

    func digest(_ branch: BranchName, _ filter: TopicFilter, at: Revision) throws -> StateDigest {
        try reader.digest(filter, on: branch, at: at, visible: .max).digest
    }

    // MARK: The end of a process, and of power

    /// The process has died: whoever had the files open has let go of them.
    /// - Parameter losingPower: what was not synced is lost, torn or kept, as the seed decides.
    func recover(losingPower: Bool, seed: UInt64) throws {
        guard let faults, let directory else { return }
        faults.stop()
        try letGo()
        faults.rewind(losingPower: losingPower, seed: seed)
        store = try Store.open(at: directory, newLineage: 0)
        reader = try store.makeReader()
        // What was synced is there.
        let found = try reader.position(of: truth.head.revision, visible: .max)
        if truth.head.revision > 0, found != truth.head {
            throw Lost("after a crash \(truth.head) is \(found.map { "\($0)" } ?? "gone")")
        }
        if store.lineage != truth.lineage { throw Lost("after a crash the lineage is \(store.lineage)") }
    }

    private func letGo() throws {
        store = try Store.inMemory(newLineage: 1)
        reader = try store.makeReader()
    }

    /// The bytes of a warm file.
    func written(_ warm: WarmFile) throws -> Data {
        let file = URL(fileURLWithPath: Self.newPath())
        defer { try? FileManager.default.removeItem(at: file) }
        try warm.write(to: file)
        return try Data(contentsOf: file)
    }

    // MARK: Backups

    struct Copy {
        var file: String
        var head: Position
        var lineage: Lineage
    }

    func backup() throws -> Copy {
        let file = Self.newPath()
        files.append(file)
        return Copy(file: file, head: try reader.backup(to: file), lineage: store.lineage)
    }

    /// Decides a batch as the store would, and leaves the store as it is.
    func commitOnACopy(_ items: [WriteItem], now: Timestamp) throws -> WrittenBatch {
        let place = Self.newPath()
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        _ = try reader.backup(to: place + "/membus.db")
        return try Store.open(at: place, newLineage: 0).makeWriter().write(items, at: now)
    }

    /// A proper restore: a new lineage. No broker may be running.
    /// - Returns: false if the disk failed it: then the old store must be there as it was.
    func restore(_ backup: Copy, lineage: UInt64) throws -> Bool {
        let place = directory ?? Self.newPath()
        // The old store lets go of its directory first.
        try letGo()
        do { _ = try Store.restore(backup.file, into: place, newLineage: lineage, replace: directory != nil) } catch {
            guard faults != nil, directory != nil else { throw error }
            try reopen(in: place)
            let found = try reader.head()
            if found != truth.head || store.lineage != truth.lineage {
                throw Lost("a restore failed (\(error)), and left \(found) of \(store.lineage) for \(truth.head)")
            }
            return false
        }
        try reopen(in: place)
        truth = truth.prefix(backup.head.revision, as: store.lineage)
        truth.know(try reader.branches(visible: .max))
        return true
    }

    /// Somebody copies the backup over the store, and tells nobody: the lineage stays. No broker may be running.
    func copyBack(_ backup: Copy) throws {
        let place = directory ?? Self.newPath()
        try letGo()
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        let file = place + "/membus.db"
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: file + suffix) }
        try FileManager.default.copyItem(atPath: backup.file, toPath: file)
        try reopen(in: place)
        truth = truth.prefix(backup.head.revision, as: store.lineage)
        truth.know(try reader.branches(visible: .max))
    }

    private func reopen(in place: String) throws {
        faults?.forget()
        directory = place
        store = try Store.open(at: place, newLineage: 0)
        reader = try store.makeReader()
    }

    func remove() {
        try? letGo()
        for file in files { try? FileManager.default.removeItem(atPath: file) }
        faults?.stop()
        if let directory { try? FileManager.default.removeItem(atPath: directory) }
    }

    static func newPath() -> String {
        lock.lock()
        defer { lock.unlock() }
        lastFile += 1
        let room = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
        return "\(room)membus-simulation-\(ProcessInfo.processInfo.processIdentifier)-\(lastFile)"
    }
}

/// The layer below SQLite, for one directory.
final class FaultyDisk {
    private let disk: OpaquePointer

    init(_ directory: String) throws {
        guard let disk = faulty_disk_attach(directory) else { throw Lost("SQLite refuses the layer of faults") }
        self.disk = disk
    }
    deinit { faulty_disk_detach(disk) }

    var hasStopped: Bool { faulty_disk_has_stopped(disk) != 0 }
    var isPlanned: Bool { faulty_disk_is_planned(disk) != 0 }
    func plan(_ fault: faulty_disk_fault, after operations: Int) { faulty_disk_plan(disk, fault, Int64(operations)) }
    func cancel() { faulty_disk_cancel(disk) }
    func setFull(_ isFull: Bool) { faulty_disk_set_full(disk, isFull ? 1 : 0) }
    func stop() { faulty_disk_stop(disk) }
    func forget() { faulty_disk_forget(disk) }
    func rewind(losingPower: Bool, seed: UInt64) { faulty_disk_rewind(disk, losingPower ? 1 : 0, seed) }

    func add(to coverage: inout Coverage) {
        for (counter, happening) in [
            (FAULTY_DISK_FAILED_WRITES, Happening.writeFailed), (FAULTY_DISK_FULL_WRITES, .diskFullInSQLite),
            (FAULTY_DISK_STOPPED_AT_WRITE, .powerLostInBatch), (FAULTY_DISK_STOPPED_AT_SYNC, .powerLostAtSync),
            (FAULTY_DISK_LOST_WRITES, .unsyncedLost), (FAULTY_DISK_TORN_WRITES, .unsyncedTorn),
            (FAULTY_DISK_KEPT_WRITES, .unsyncedKept),
        ] {
            coverage.count(happening, times: Int(faulty_disk_count(disk, counter)))
        }
    }
}

/// The store lost or damaged something.
struct Lost: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
