import FoundationEssentials
import Glibc

/// A file that appears whole or not at all: written beside its place, synced, then renamed into it. What was
/// not committed is removed again.
final class AtomicFile {
    private let target: URL
    private let draft: String
    private var descriptor: Int32

    /// - Throws: ``MembusError/file(path:problem:)``.
    init(for target: URL) throws(MembusError) {
        // Behind a link, so that the link stays one.
        let target = target.resolvingSymlinksInPath()
        self.target = target
        var status = stat()
        if stat(target.path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw .file(path: target.path, problem: "is no regular file, and is not replaced")
        }
        let name = ".\(target.lastPathComponent).\(getpid()).\(UInt32.random(in: 0...UInt32.max))"
        draft = target.deletingLastPathComponent().appendingPathComponent(name).path
        descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        if descriptor < 0 { throw .file(path: target.path, problem: "cannot be created: \(Self.reason)") }
    }

    deinit {
        if descriptor >= 0 {
            _ = close(descriptor)
            _ = unlink(draft)
        }
    }

    func write(_ bytes: some ContiguousBytes) throws(MembusError) {
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
        if !isWritten { throw .file(path: target.path, problem: "cannot be written: \(Self.reason)") }
    }

    /// On disk under its name once this returns.
    func commit() throws(MembusError) {
        guard fsync(descriptor) == 0 else {
            throw .file(path: target.path, problem: "cannot be synced: \(Self.reason)")
        }
        guard rename(draft, target.path) == 0 else {
            throw .file(path: target.path, problem: "cannot be put into place: \(Self.reason)")
        }
        _ = close(descriptor)
        descriptor = -1
        let directory = open(target.deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if directory >= 0 {
            _ = fsync(directory)
            _ = close(directory)
        }
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
