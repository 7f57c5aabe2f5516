import CSQLite
import FoundationEssentials
import Glibc
import MembusModel
import MembusSystem

// Looking at a store's file, which may be somebody else's, without writing anything there. SQLite makes a log and its index
// beside a file that it only reads; left behind, they would be of the wrong user, and no broker could write them. So:
//
//   log and index there   (or a journal) somebody has it open (a broker), or did when it was killed: SQLite's usual way, which then makes
//                         no file, and does without the index where it may not write it
//   a log without index   a copy of a killed broker's files: read with an index in memory, and without locks
//   neither               the file is all there is: read as one that never changes
//
// The last two take no lock that a broker heeds, so that one may start meanwhile. Whether one did is looked up afterwards:
// what was found then counts for nothing, and is looked for again.

struct Looking {
    private enum Way {
        case shared, alone, unchanging
    }

    let path: String
    private let way: Way
    private let before: [FileStamp?]

    init(_ path: String) {
        self.path = path
        let log = FileStamp(of: path + "-wal")
        let hasIndex = log != nil && FileStamp(of: path + "-shm") != nil
        if hasIndex || FileStamp(of: path + "-journal") != nil {
            way = .shared
        } else {
            way = (log?.size ?? 0) > 0 ? .alone : .unchanging
        }
        before = Self.stamps(path)
    }

    /// Whether nobody has written since. Always so where SQLite's locks see to it.
    var holds: Bool { way == .shared || before == Self.stamps(path) }

    private static func stamps(_ path: String) -> [FileStamp?] {
        // What is in a log only counts once it is in the file, unless it was there before.
        let log = FileStamp(of: path + "-wal")
        return [FileStamp(of: path), log?.size == 0 ? nil : log]
    }

    func open() throws -> DatabaseQueue {
        guard way != .shared else {
            return try DatabaseQueue(path: SQLiteName.of(path), isReadOnly: true, patience: .seconds(10))
        }
        let how = way == .alone ? "vfs=unix-none" : "immutable=1"
        let queue = try DatabaseQueue(
            path: SQLiteName.uri(path) + "?" + how, isReadOnly: true, isURI: true, patience: .seconds(10))
        if way == .alone { try queue.inDatabase { try $0.execute("PRAGMA locking_mode = EXCLUSIVE") } }
        return queue
    }
}

/// A path as SQLite takes it.
enum SQLiteName {
    /// What starts with `file:` would be taken for a URI.
    static func of(_ path: String) -> String { path.hasPrefix("file:") ? "./" + path : path }

    static func uri(_ path: String) -> String {
        let whole = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
        return whole.utf8.reduce(into: "file:") { uri, byte in
            let letter = Character(UnicodeScalar(byte))
            if letter.isASCII, letter.isLetter || letter.isNumber || "/._-".contains(letter) {
                uri.append(letter)
            } else {
                uri += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
    }
}

/// Which content a file has, as far as its directory tells.
private struct FileStamp: Equatable {
    var number: UInt64
    var size: Int64
    var seconds: Int
    var nanoseconds: Int

    init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (number, size) = (UInt64(status.st_ino), Int64(status.st_size))
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
}

extension Store {
    /// Checks the store in a directory, beside a broker that may be running on it, without writing anything.
    package static func verification(at directory: String) throws -> Verification {
        try verification(ofFile: try file(in: directory))
    }

    /// Checks one file: a backup, say.
    package static func verification(ofFile file: String) throws -> Verification {
        for _ in 0..<5 {
            let looking = Looking(file)
            let found = Result { try reader(looking).verify() }
            if looking.holds { return try found.get() }
        }
        throw StoreError(.failed, "\(file) changes while it is looked at", hint: "ask its broker: membus verify")
    }

    /// Opens a store to look at it, beside a broker that may be running on it.
    package static func reader(at directory: String) throws(StoreError) -> Reader {
        try reader(ofFile: try file(in: directory))
    }

    /// Opens one file to look at it: a backup, say.
    package static func reader(ofFile file: String) throws(StoreError) -> Reader { try reader(Looking(file)) }

    private static func file(in directory: String) throws(StoreError) -> String {
        let file = DataDirectory.file(in: directory)
        try look(for: file, or: "there is no store in \(directory)", hint: "name the broker's data directory")
        return file
    }

    private static func look(for file: String, or missing: String, hint: String) throws(StoreError) {
        if faccessat(AT_FDCWD, file, R_OK, AT_EACCESS) == 0 { return }
        if errno == ENOENT || errno == ENOTDIR { throw StoreError(.missing, missing, hint: hint) }
        let why = String(cString: strerror(errno))
        let owner = FileOwnership(of: file) ?? FileOwnership(of: FilePlace.directory(of: file))
        throw StoreError(
            .readOnly, "\(file) can't be read: \(why)",
            hint: "look at it as the user that it belongs to" + (owner.map { ": \($0.userName)" } ?? ""))
    }

    private static func reader(_ looking: Looking) throws(StoreError) -> Reader {
        let file = looking.path
        try look(for: file, or: "there is no file \(file)", hint: "name a store's file, or a backup")
        do {
            let connection = try Connection(looking: looking)
            let lineage = try connection.queue.inDatabase { db in
                guard try Opening.version(of: db, named: file) > 0 else {
                    throw StoreError(
                        .foreign, "\(file) is empty, and no Membus store", hint: "name a store's file, or a backup")
                }
                return try Opening.lineage(of: db)
            }
            guard let lineage else { throw StoreError(.damaged, "\(file) has no lineage", hint: "restore a backup") }
            return Reader(connection, lineage: lineage)
        } catch {
            throw StoreError(error, while: "opening \(file)", at: .opening)
        }
    }
}
