import FoundationEssentials
import Glibc

/// A local file could not be read or written.
package struct FileError: Error, Hashable, Sendable {
    package let path: String
    /// "cannot be created: No space left on device".
    package let problem: String

    package init(path: String, problem: String) {
        self.path = path
        self.problem = problem
    }

    /// With the system's word for what the last call on this thread failed with.
    static func last(_ path: String, _ problem: String) -> FileError {
        FileError(path: path, problem: "\(problem): \(String(cString: strerror(errno)))")
    }
}

/// A file that appears whole or not at all: written beside its place, synced, then renamed into it. What was
/// not committed is removed again.
package final class AtomicFile {
    private let target: URL
    private let draft: String
    private var descriptor: Int32

    /// - Throws: ``FileError``.
    package init(for target: URL) throws(FileError) {
        // Behind a link, so that the link stays one.
        let target = target.resolvingSymlinksInPath()
        self.target = target
        var status = stat()
        if stat(target.path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw FileError(path: target.path, problem: "is no regular file, and is not replaced")
        }
        let name = ".\(target.lastPathComponent).\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        draft = target.deletingLastPathComponent().appendingPathComponent(name).path
        descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        if descriptor < 0 { throw .last(target.path, "cannot be created") }
    }

    deinit {
        if descriptor >= 0 {
            _ = close(descriptor)
            _ = unlink(draft)
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
        if !isWritten { throw .last(target.path, "cannot be written") }
    }

    /// On disk under its name once this returns.
    package func commit() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw .last(target.path, "cannot be synced") }
        try Self.rename(draft, to: target.path)
        _ = close(descriptor)
        descriptor = -1
        // It is in place: a directory that cannot be read, or synced, is no reason to say that it is not.
        try? Self.sync(Self.directory(of: target.path))
    }

    /// Gives a finished file, which somebody else wrote, its name; what had the name before is replaced.
    package static func publish(_ draft: String, as file: String) throws(FileError) {
        try sync(draft)
        try rename(draft, to: file)
        // A new name is on disk only once its directory is.
        try sync(directory(of: file))
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

    private static func directory(of file: String) -> String {
        URL(fileURLWithPath: file).deletingLastPathComponent().path
    }
}
