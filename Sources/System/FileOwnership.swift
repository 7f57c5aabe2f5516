import Glibc

// Whose the files are that Membus makes:
//
//   a new file            its maker's, who alone may read and write it (0600; directories 0700): memory is private
//   in a data directory   made by root, it is given to whom the directory belongs: the broker runs as that user
//   in place of another   has that one's owner, group and mode; where they cannot be kept, the other one stays

/// Who a file belongs to, and who may do what with it.
package struct FileOwnership: Hashable, Sendable {
    package var user: uid_t
    package var group: gid_t
    /// The nine bits of permission, and those above them.
    package var mode: mode_t

    package static let privateFile: mode_t = 0o600
    package static let privateDirectory: mode_t = 0o700

    private init(_ status: stat) {
        (user, group, mode) = (status.st_uid, status.st_gid, status.st_mode & 0o7777)
    }

    /// What the file has, behind links; `nil`: there is none, or it cannot be looked at.
    package init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    package init?(of descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// The user's name, or number.
    package var userName: String { Self.name(of: user) ?? "\(user)" }

    /// A user's name; `nil`: the system knows none.
    package static func name(of user: uid_t) -> String? {
        var (entry, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name
        else { return nil }
        return String(cString: name)
    }

    /// `0640`.
    package var modeText: String {
        let digits = String(mode, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// Gives an open file this owner, group and mode.
    /// - Parameter path: what the error names.
    package func apply(to descriptor: Int32, _ path: String) throws(FileError) {
        guard let now = FileOwnership(of: descriptor) else { throw .last(path, "cannot be looked at") }
        // What is so already is not asked for: some file systems know no owners.
        if now.user != user || now.group != group, fchown(descriptor, user, group) != 0 {
            throw FileError(
                path: path,
                problem: "belongs to \(userName), and what takes its place could not "
                    + "(\(String(cString: strerror(errno)))): be that user, or remove it first")
        }
        // After the owner, which takes bits of the mode away.
        if FileOwnership(of: descriptor)?.mode != mode, fchmod(descriptor, mode) != 0 {
            throw .last(path, "cannot keep its mode \(modeText)")
        }
    }
}

/// Makes what only its owner can read, in a directory that may be somebody else's.
package enum PrivateFile {
    /// An empty file, unless there is one.
    /// - Returns: its descriptor, for reading and writing; `nil`: there is one already.
    package static func create(_ path: String) throws(FileError) -> Int32? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FileOwnership.privateFile)
        if descriptor < 0, errno == EEXIST { return nil }
        guard descriptor >= 0 else { throw .last(path, "cannot be created") }
        do throws(FileError) {
            try hand(descriptor, to: FilePlace.directory(of: path), path)
        } catch {
            _ = close(descriptor)
            throw error
        }
        return descriptor
    }

    /// The same, without a descriptor.
    package static func make(_ path: String) throws(FileError) {
        if let descriptor = try create(path) { _ = close(descriptor) }
    }

    /// A file without a name, for reading and writing: gone with its last descriptor, however the process ends.
    package static func openUnnamed(in directory: String) throws(FileError) -> Int32 {
        let unnamed = openUnnamed(in: directory, O_RDWR)
        if unnamed >= 0 { return unnamed }
        // A file system that knows no such thing: with a name, for a moment.
        let name = directory + "/.membus.\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        let descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FileOwnership.privateFile)
        guard descriptor >= 0 else { throw .last(directory, "cannot be written to") }
        _ = unlink(name)
        return descriptor
    }

    /// - Returns: -1 where there is no such thing.
    static func openUnnamed(in directory: String, _ access: Int32) -> Int32 {
        // Linux's O_TMPFILE, a macro that Swift does not import.
        open(directory, access | 0o20_000_000 | O_DIRECTORY | O_CLOEXEC, FileOwnership.privateFile)
    }

    /// A directory, unless there is one; behind a link that leads nowhere yet, too. What it stands in has to be there.
    package static func makeDirectory(_ path: String) throws(FileError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
        let place = try FilePlace.behindLinks(path)
        guard mkdir(place, FileOwnership.privateDirectory) == 0 else {
            if errno == EEXIST, stat(place, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return }
            throw .last(path, "cannot be made")
        }
        let descriptor = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path, "cannot be opened") }
        defer { _ = close(descriptor) }
        try hand(descriptor, to: FilePlace.directory(of: place), path)
    }

    /// What root makes belongs to whom the directory belongs. SQLite does the same with what it puts beside a file.
    private static func hand(_ descriptor: Int32, to directory: String, _ path: String) throws(FileError) {
        guard geteuid() == 0, let owner = FileOwnership(of: directory), owner.user != 0,
            var own = FileOwnership(of: descriptor)
        else { return }
        (own.user, own.group) = (owner.user, owner.group)
        try own.apply(to: descriptor, path)
    }
}
