import FoundationEssentials
import Glibc

// What lies in a data directory beside the store, and lets others find its broker:
//
//   lock        locked for as long as a broker has the directory, however it ends; names its process
//   address     where that broker takes requests, an endpoint a line. It may be left from one that was killed, so that it
//               counts only while the lock is held
//   starting    locked by whoever starts a broker in the background, so that two never do
//   broker.log  what a broker in the background says

package struct BrokerFiles: Hashable, Sendable {
    package let directory: String

    package init(_ directory: String) { self.directory = directory }

    package var lock: String { directory + "/lock" }
    package var address: String { directory + "/address" }
    package var starting: String { directory + "/starting" }
    package var log: String { directory + "/broker.log" }

    /// The process that has the directory; `nil`: none has.
    package var holder: pid_t? {
        let descriptor = open(lock, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { _ = close(descriptor) }
        // Whoever takes it tries for a moment, so that this look keeps nobody out.
        if flock(descriptor, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK { return nil }
        return Self.process(in: descriptor) ?? 0
    }

    /// Who holds a lock file, by its own word.
    package static func process(in descriptor: Int32) -> pid_t? {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return pid_t(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// Where the broker takes requests that has the directory now; empty: none has, or it has not said so yet.
    package var endpoints: [String] {
        guard holder != nil, let data = try? Data(contentsOf: URL(filePath: address)) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Says where the broker is that has the directory.
    /// - Throws: ``FileError``.
    package func tell(_ endpoints: [String]) throws(FileError) {
        forget()
        try PrivateFile.make(address)
        let file = try AtomicFile(for: address)
        try file.write(Data(endpoints.map { $0 + "\n" }.joined().utf8))
        try file.commit()
    }

    package func forget() { _ = unlink(address) }

    // MARK: Starting

    /// Has one at a time start a broker on the directory.
    /// - Throws: ``FileError`` if the directory can't be written.
    package func whileStarting<T>(_ body: () throws -> T) throws -> T {
        try PrivateFile.make(starting)
        let descriptor = open(starting, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError.last(starting, "cannot be opened") }
        defer { _ = close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            if errno != EINTR { throw FileError.last(starting, "cannot be locked") }
        }
        return try body()
    }
}

/// What everybody who looks for a broker takes for its place, unless told otherwise.
package enum DataDirectoryRule {
    package static let usual = "~/.membus"

    /// `MEMBUS_DATA`, else ``usual``.
    /// - Returns: `nil`: there is no home directory.
    package static func path(in environment: [String: String]) -> String? {
        if let said = environment["MEMBUS_DATA"], !said.isEmpty {
            guard said == "~" || said.hasPrefix("~/") else { return said }
            return home(in: environment).map { $0 + said.dropFirst() }
        }
        return home(in: environment).map { $0 + "/.membus" }
    }

    /// What `$HOME` says, which comes first for whoever sets it; else the password file. Without a slash at its end.
    package static func home(in environment: [String: String]) -> String? {
        if var home = environment["HOME"], home.hasPrefix("/") {
            while home.count > 1, home.hasSuffix("/") { home.removeLast() }
            return home == "/" ? "" : home
        }
        guard let entry = getpwuid(geteuid()), let home = entry.pointee.pw_dir, home.pointee != 0 else { return nil }
        return String(cString: home)
    }
}
