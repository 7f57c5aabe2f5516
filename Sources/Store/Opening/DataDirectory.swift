import Glibc
import MembusSystem
import Synchronization

/// The directory that a store lives in, held for one process: `lock` is locked for as long as this object
/// lives, and names the holder's pid. The kernel frees the lock however the process ends. What is made here can be read
/// by the directory's owner alone.
final class DataDirectory: Sendable {
    let path: String
    private let descriptor: Mutex<CInt?>

    static func file(in directory: String) -> String { directory + "/membus.db" }
    var file: String { Self.file(in: path) }

    init(_ path: String) throws(StoreError) {
        self.path = path
        try Self.make(path)
        descriptor = Mutex(try Self.lock(path))
    }

    deinit { unlock() }

    func unlock() {
        descriptor.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }

    private static func make(_ path: String) throws(StoreError) {
        do throws(FileError) {
            let place = try FilePlace.behindLinks(path)
            // What it stands in is nobody's secret.
            try makeAll(FilePlace.directory(of: place))
            try PrivateFile.makeDirectory(path)
        } catch {
            throw StoreError(
                .readOnly, "the data directory \(path) can't be made: \(error.problem)",
                hint: "name a directory that this user may write to")
        }
    }

    /// A directory, and what it stands in, as far as that is missing.
    private static func makeAll(_ path: String) throws(FileError) {
        func isMade() -> Bool {
            if mkdir(path, 0o777) == 0 { return true }
            let why = errno
            defer { errno = why }
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        }
        if isMade() { return }
        let above = FilePlace.directory(of: path)
        if errno == ENOENT, above != path {
            try makeAll(above)
            if isMade() { return }
        }
        throw FileError(path: path, problem: "\(path): \(String(cString: strerror(errno)))")
    }

    private static func lock(_ directory: String) throws(StoreError) -> CInt {
        let path = BrokerFiles(directory).lock
        let descriptor = try openLock(path)
        guard takes(descriptor) else {
            let holder = BrokerFiles.process(in: descriptor)
            close(descriptor)
            throw StoreError(
                .locked,
                "the data directory \(directory) is in use by another broker\(holder.map { " (pid \($0))" } ?? "")",
                hint: "stop that one, or name another directory")
        }
        let text = "\(getpid())\n"
        _ = ftruncate(descriptor, 0)
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
        return descriptor
    }

    /// What this process starts holds its locks, too, until it runs its own programme: for some milliseconds.
    private static func takes(_ descriptor: CInt) -> Bool {
        for attempt in 0..<20 {
            if attempt > 0 { usleep(10_000) }
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        }
        return false
    }

    private static func openLock(_ path: String) throws(StoreError) -> CInt {
        do throws(FileError) {
            if let new = try PrivateFile.create(path) { return new }
        } catch {
            throw unwritable(path, error.problem)
        }
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw unwritable(path, String(cString: strerror(errno))) }
        return descriptor
    }

    private static func unwritable(_ path: String, _ why: String) -> StoreError {
        let owner = FileOwnership(of: path) ?? FileOwnership(of: FilePlace.directory(of: path))
        let whose = owner.map { "; it belongs to \($0.userName) (mode \($0.modeText))" } ?? ""
        return StoreError(
            .readOnly, "\(path) can't be written: \(why)\(whose)",
            hint: "make the data directory writable, or name another one")
    }

    /// Makes the store's file if it is missing, and looks whether what is there can be written: SQLite would open what
    /// it may only read all the same, and refuse the first write.
    func prepareFile() throws(StoreError) {
        do throws(FileError) { try PrivateFile.make(file) } catch {
            throw StoreError(
                .readOnly, "\(file) \(error.problem)", hint: "make the data directory writable, or name another one")
        }
        for path in [file, file + "-wal", file + "-shm"] {
            guard faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0, errno != ENOENT else { continue }
            let why = String(cString: strerror(errno))
            let owner = FileOwnership(of: path)
            throw StoreError(
                .readOnly,
                "\(path) can't be written: \(why)"
                    + (owner.map { "; it belongs to \($0.userName) (mode \($0.modeText))" } ?? ""),
                hint: "give it to the broker's user (chown), or make it writable for that one")
        }
    }
}
