import Glibc

// The file of a listening ipc socket. libzmq removes whatever lies at the path before it listens there: another
// broker's socket, whose clients it takes over, or somebody's notes. So the listening socket is made here, and handed
// to libzmq.
//
// Order, under a lock on the directory, which the kernel lets go of with its holder:
//   1. bind. The path is free: listen, done
//   2. it is taken. No socket: refused. Somebody answers: refused. A socket that nobody answers at is what a broker
//      that was killed left behind: removed, and again from 1
// The lock spans binding and listening: between the two a socket looks like a dead one.
// The end, in this order: the file is removed while the socket still listens, and only if it is the one that was made
// here; then the socket is closed. So whoever comes next finds nobody's socket, or none.

/// A socket's file, made here.
struct SocketFile: Sendable {
    private let path: String
    private let made: Identity

    private struct Identity: Hashable, Sendable {
        let device: dev_t
        let inode: ino_t
        init(_ status: stat) {
            device = status.st_dev
            inode = status.st_ino
        }
    }

    private init(_ path: String, _ made: Identity) {
        self.path = path
        self.made = made
    }

    /// Once, while the socket still listens: if it is still the one that was made.
    func remove() { if let there = Self.status(path), Identity(there) == made { _ = unlink(path) } }

    /// - Returns: a descriptor that listens; whoever takes it closes it.
    static func listen(at path: String, backlog: Int) throws(BusError) -> (
        descriptor: Int32, file: SocketFile
    ) {
        let endpoint = "ipc://\(path)"
        guard path.utf8.count <= Address.longestPath else {
            throw BusError(code: ENAMETOOLONG, action: action, endpoint: endpoint)
        }
        let lock = try DirectoryLock(of: path, endpoint)
        defer { lock.release() }
        // Under the lock only strangers can put something there again; they win soon or never.
        for _ in 0..<8 {
            let descriptor = socket(AF_UNIX, streamType, 0)
            guard descriptor >= 0 else { throw BusError(code: errno, action: action, endpoint: endpoint) }
            if call(Glibc.bind, descriptor, path) == 0 {
                if Glibc.listen(descriptor, Int32(clamping: backlog)) == 0, let there = status(path) {
                    return (descriptor, SocketFile(path, Identity(there)))
                }
                let code = errno
                _ = Glibc.close(descriptor)
                _ = unlink(path)
                throw BusError(code: code, action: action, endpoint: endpoint)
            }
            let code = errno
            _ = Glibc.close(descriptor)
            guard code == EADDRINUSE else {
                throw BusError(code: code, action: action, endpoint: endpoint)
            }
            try removeDead(path, endpoint)
        }
        throw BusError(code: EADDRINUSE, action: action, endpoint: endpoint)
    }

    private static let action = "listen at"
    private static let streamType =
        Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)

    private static func status(_ path: String) -> stat? {
        var there = stat()
        return lstat(path, &there) == 0 ? there : nil
    }

    private static func removeDead(_ path: String, _ endpoint: String) throws(BusError) {
        guard let there = status(path) else { return }
        guard there.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(action, endpoint) }
        let probe = socket(AF_UNIX, streamType, 0)
        guard probe >= 0 else { throw BusError(code: errno, action: action, endpoint: endpoint) }
        let isAnswered = call(connect, probe, path) == 0
        let code = errno
        _ = Glibc.close(probe)
        // EAGAIN: so many wait to be accepted that no more fit. EPROTOTYPE: it is there, and speaks in datagrams.
        if isAnswered || code == EAGAIN || code == EPROTOTYPE {
            throw BusError(code: EADDRINUSE, action: action, endpoint: endpoint)
        }
        if code == ENOENT { return }
        // Whether somebody listens behind a socket that may not be connected to cannot be known.
        guard code == ECONNREFUSED else {
            throw BusError(code: code, action: action, endpoint: endpoint)
        }
        guard let still = status(path), Identity(still) == Identity(there) else { return }
        if unlink(path) != 0, errno != ENOENT {
            throw BusError(code: errno, action: action, endpoint: endpoint)
        }
    }

    private static func call(
        _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32, _ path: String
    ) -> Int32 {
        withUnsafePointer(to: address(path)) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// - Parameter path: of at most ``Address/longestPath`` bytes.
    static func address(_ path: String) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }
}

/// Those of one socket.
final class SocketFiles {
    private var files: [SocketFile] = []
    func add(_ file: SocketFile) { files.append(file) }
    func remove() { for file in files { file.remove() } }
}

/// Keeps other brokers from looking at the same directory's sockets meanwhile. Nothing is written for it.
private struct DirectoryLock {
    private let descriptor: Int32

    /// A directory that may not be read cannot be locked, and one that a stranger holds locked is not waited for any
    /// longer than `tries`. Then only brokers that start at the same moment could get in each other's way.
    private static let tries = 200

    init(of path: String, _ endpoint: String) throws(BusError) {
        let directory =
            path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0, errno == ENOENT || errno == ENOTDIR {
            throw BusError(code: errno, action: "listen at", endpoint: endpoint)
        }
        guard descriptor >= 0 else { return }
        for _ in 0..<Self.tries {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
            guard errno == EWOULDBLOCK || errno == EINTR else { return }
            usleep(10_000)
        }
    }

    func release() { if descriptor >= 0 { _ = Glibc.close(descriptor) } }
}
