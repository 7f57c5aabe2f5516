import Glibc

/// A file in memory, for reading alone. Whoever replaces such a file puts another into its place: one that were cut
/// short while it is mapped would end the process.
final class MappedFile: @unchecked Sendable {  // the memory is never written, and stays until the end
    let path: String
    /// Good as long as this is: who does not keep it calls ``read(_:)``.
    let bytes: UnsafeRawBufferPointer

    init(_ path: String, hint: String) throws(MeaningError) {
        func failure(_ what: String) -> MeaningError {
            MeaningError(.unreadable, "\(path) \(what): \(String(cString: strerror(errno)))", hint: hint)
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot be read") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("cannot be read") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw MeaningError(.unreadable, "\(path) is no regular file", hint: hint)
        }
        self.path = path
        let size = Int(status.st_size)
        if size == 0 {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        let memory = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
        guard let memory, memory != MAP_FAILED else { throw failure("cannot be mapped") }
        bytes = UnsafeRawBufferPointer(start: memory, count: size)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }

    func read<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        defer { withExtendedLifetime(self) {} }
        return try body(bytes)
    }

    /// Gives back what was read so far: it comes again from the system's cache once it is used.
    func forget() {
        if let start = bytes.baseAddress {
            madvise(UnsafeMutableRawPointer(mutating: start), bytes.count, MADV_DONTNEED)
        }
    }
}
