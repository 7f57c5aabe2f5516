import Glibc
import MembusModel
import MembusSystem

/// The one durable memory of a broker: one SQLite file, `membus.db`, in a directory that the broker holds
/// alone.
///
/// ```swift
/// let store = try Store.open(at: "/var/lib/membus", newLineage: .random(in: .min ... .max))
/// let writer = try store.makeWriter()          // one: the commit thread's
/// let reader = try store.makeReader()          // one per reading thread
/// let batch = try writer.write([.transact(request, fingerprint: f)], at: now)
/// let page = try reader.get(["plans/paris"], on: .main, visible: batch.head.revision)
/// ```
///
/// Nothing here waits for anything but the disk, and nothing is async.
package final class Store: Sendable {
    /// Identity of the history. A restored backup has another.
    package let lineage: Lineage
    package let limits: Limits
    /// The file; `nil` for a store in memory.
    package let path: String?

    private let directory: DataDirectory?
    private let places: [String: FileIdentity]
    /// What all roles share in memory; for a file, what opened it.
    private let connection: Connection
    private let rest = LogRest()

    private init(lineage: Lineage, limits: Limits, path: String?, directory: DataDirectory?, connection: Connection) {
        self.lineage = lineage
        self.limits = limits
        self.path = path
        self.directory = directory
        self.connection = connection
        var places: [String: FileIdentity] = [:]
        for path in path.map({ [$0, $0 + "-wal"] }) ?? [] {
            if case .there(let place) = FileIdentity.look(at: path) { places[path] = place }
        }
        self.places = places
    }

    /// Whether the file that was opened, and the write-ahead log beside it, still stand under their names: somebody may
    /// have removed or replaced them, or the directory. Only what is known for sure counts: a look that fails for
    /// another reason says nothing.
    package var isInPlace: Bool {
        places.allSatisfy { path, place in
            switch FileIdentity.look(at: path) {
            case .there(let now): now == place
            case .gone: false
            case .unknown: true
            }
        }
    }

    /// Opens the store in `directory`, or makes it.
    /// - Parameter newLineage: random bits, used if the store is new.
    package static func open(
        at directory: String, newLineage: UInt64, limits: Limits = Limits()
    ) throws(StoreError) -> Store {
        let held = try DataDirectory(directory)
        try held.prepareFile()
        let connection = try Connection.open(held.file, as: .writer)
        let lineage = try prepare(connection, held.file, newLineage)
        try connection.checkWriting()
        return Store(lineage: lineage, limits: limits, path: held.file, directory: held, connection: connection)
    }

    /// A store without a file, for simulations.
    package static func inMemory(newLineage: UInt64, limits: Limits = Limits()) throws(StoreError) -> Store {
        let connection = try Connection.inMemory()
        let lineage = try prepare(connection, "a store in memory", newLineage)
        return Store(lineage: lineage, limits: limits, path: nil, directory: nil, connection: connection)
    }

    private static func prepare(
        _ connection: Connection, _ name: String, _ newLineage: UInt64
    ) throws(StoreError) -> Lineage {
        do {
            return try connection.queue.inDatabase { try Opening.prepare($0, named: name, newLineage: newLineage) }
        } catch {
            throw StoreError(error, while: "opening \(name)", at: .opening)
        }
    }

    /// The one writer. Ask once.
    package func makeWriter(mostKept: UInt64 = SessionState.mostKept) throws(StoreError) -> Writer {
        try Writer(
            connection, rest: rest, directory: directory, lineage: lineage, limits: limits, mostKept: mostKept)
    }

    /// A reader with its own connection and page cache of at most 2 MiB.
    package func makeReader() throws(StoreError) -> Reader {
        guard let path else { return Reader(connection, lineage: lineage) }
        return Reader(try .open(path, as: .reader), lineage: lineage)
    }

    /// `nil` for a store in memory, which has no log to checkpoint.
    /// - Parameter largest: a write-ahead log with more than this in it, in bytes, is started anew.
    package func makeCheckpointer(largest: Int64 = 8 << 20) throws(StoreError) -> Checkpointer? {
        guard let path else { return nil }
        return Checkpointer(try .open(path, as: .checkpointer), path: path, rest: rest, largest: largest)
    }

    /// Of the file and of its write-ahead log, in bytes.
    package var sizes: (store: Int64, wal: Int64) {
        guard let path else { return (0, 0) }
        return (ReadableFile.size(of: path), ReadableFile.size(of: path + "-wal"))
    }
}

/// Which file it is, whatever its name.
private struct FileIdentity: Equatable, Sendable {
    var device: UInt64
    var number: UInt64

    enum Found {
        case there(FileIdentity)
        case gone
        case unknown
    }

    static func look(at path: String) -> Found {
        var status = stat()
        if stat(path, &status) == 0 {
            return .there(FileIdentity(device: UInt64(status.st_dev), number: UInt64(status.st_ino)))
        }
        return errno == ENOENT || errno == ENOTDIR ? .gone : .unknown
    }
}
