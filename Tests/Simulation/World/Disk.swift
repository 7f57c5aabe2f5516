import Foundation
import MembusChecker
import MembusModel
import MembusStore

/// The broker machine's disk: what is left when the broker is killed. A store in memory, until a backup is
/// restored; that one lies in a directory.
final class Disk {
    private(set) var store: Store
    private(set) var truth: Truth
    private var reader: Reader
    private var directory: String?
    private var files: [String] = []
    private nonisolated(unsafe) static var lastFile = 0  // guarded by `lock`
    private static let lock = NSLock()

    init(lineage: UInt64) throws {
        store = try Store.inMemory(newLineage: lineage)
        reader = try store.makeReader()
        truth = Truth(lineage: store.lineage, branches: try reader.branches(visible: .max))
    }

    /// What a broker that starts finds.
    func open() throws -> (writer: Writer, reader: Reader) { (try store.makeWriter(), try store.makeReader()) }

    /// Takes what was committed since into the truth; before anything is compacted or replaced.
    func harvest() throws {
        truth.know(try reader.branches(visible: .max))
        var log = Request.Log(branch: nil, ascending: true, limit: 10_000, values: true)
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

    // MARK: Backups

    func backup() throws -> (file: String, head: Position) {
        let file = Self.newPath()
        files.append(file)
        return (file, try reader.backup(to: file))
    }

    /// Decides a batch as the store would, and leaves the store as it is.
    func commitOnACopy(_ items: [WriteItem], now: Timestamp) throws -> WrittenBatch {
        let place = Self.newPath()
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: place) }
        _ = try reader.backup(to: place + "/membus.db")
        return try Store.open(at: place, newLineage: 0).makeWriter().commit(items, now: now)
    }

    /// A proper restore: a new lineage. No broker may be running.
    func restore(_ backup: (file: String, head: Position), lineage: UInt64) throws {
        let place = directory ?? Self.newPath()
        // The old store lets go of its directory first.
        store = try Store.inMemory(newLineage: 1)
        reader = try store.makeReader()
        _ = try Store.restore(backup.file, into: place, newLineage: lineage, replace: directory != nil)
        directory = place
        store = try Store.open(at: place, newLineage: 0)
        reader = try store.makeReader()
        truth = truth.prefix(backup.head.revision, as: store.lineage)
        truth.know(try reader.branches(visible: .max))
    }

    func remove() {
        for file in files { try? FileManager.default.removeItem(atPath: file) }
        if let directory { try? FileManager.default.removeItem(atPath: directory) }
    }

    private static func newPath() -> String {
        lock.lock()
        defer { lock.unlock() }
        lastFile += 1
        let room = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
        return "\(room)membus-simulation-\(ProcessInfo.processInfo.processIdentifier)-\(lastFile)"
    }
}

/// The store lost or damaged something.
struct Lost: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
