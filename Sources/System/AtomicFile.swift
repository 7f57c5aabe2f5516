import FoundationEssentials
import Glibc

/// A file that appears whole or not at all: written without a name, synced, then put into its place. What was
/// not committed is gone, however the process ends; on file systems that know no files without a name it is written
/// beside its place, and removed again unless the process is killed.
package final class AtomicFile {
    private let target: String
    /// What stands beside the target: all the time, or for a moment while it takes the place of another.
    private let draft: String
    private var descriptor: Int32
    private let hasName: Bool

    /// - Parameter path: what is there is replaced, and its owner and mode are kept; a link stays one. A new file can be
    ///   read by its owner alone.
    /// - Throws: ``FileError``.
    package init(for path: String) throws(FileError) {
        let target = try FilePlace.behindLinks(path)
        self.target = target
        var status = stat()
        if stat(target, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw FileError(path: target, problem: "is no regular file, and is not replaced")
        }
        let directory = FilePlace.directory(of: target)
        let name = ".\(FilePlace.name(of: target)).\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        draft = directory + "/" + name
        let unnamed = Self.openUnnamed(in: directory)
        hasName = unnamed < 0
        descriptor =
            unnamed >= 0
            ? unnamed : open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FileOwnership.privateFile)
        if descriptor < 0 { throw .last(target, "cannot be created") }
        // Now, rather than once all is written.
        if let ownership = FileOwnership(of: target) { try ownership.apply(to: descriptor, target) }
    }

    /// - Returns: -1 where there is no such thing.
    private static func openUnnamed(in directory: String) -> Int32 {
        let descriptor = PrivateFile.openUnnamed(in: directory, O_WRONLY)
        // Without /proc it could not be given a name.
        if descriptor >= 0, access(name(of: descriptor), F_OK) != 0 {
            _ = close(descriptor)
            return -1
        }
        return descriptor
    }

    private static func name(of descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }

    deinit {
        if descriptor >= 0 {
            _ = close(descriptor)
            if hasName { _ = unlink(draft) }
        }
    }

    package func write(_ bytes: some ContiguousBytes) throws(FileError) {
        let isWritten = bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
        if !isWritten { throw .last(target, "cannot be written") }
    }

    /// On disk under its name once this returns.
    package func commit() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw .last(target, "cannot be synced") }
        if !hasName, linkat(AT_FDCWD, Self.name(of: descriptor), AT_FDCWD, draft, AT_SYMLINK_FOLLOW) != 0 {
            throw .last(target, "cannot be put into place")
        }
        do throws(FileError) { try Self.rename(draft, to: target) } catch {
            _ = unlink(draft)
            throw error
        }
        _ = close(descriptor)
        descriptor = -1
        // It is in place: a directory that cannot be read, or synced, is no reason to say that it is not.
        try? Self.sync(FilePlace.directory(of: target))
    }

    /// Gives a finished file, which somebody else wrote, its name; what had the name before is replaced.
    package static func publish(_ draft: String, as file: String) throws(FileError) {
        try sync(draft)
        try rename(draft, to: file)
        // A new name is on disk only once its directory is.
        try sync(FilePlace.directory(of: file))
    }

    /// Makes a file's content last; or, of a directory, the names in it.
    package static func sync(_ path: String) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path, "cannot be opened") }
        defer { _ = close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last(path, "cannot be synced") }
    }

    private static func rename(_ draft: String, to file: String) throws(FileError) {
        guard Glibc.rename(draft, file) == 0 else { throw .last(file, "cannot be put into place") }
    }
}
