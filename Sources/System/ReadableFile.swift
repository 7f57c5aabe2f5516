import FoundationEssentials
import Glibc

/// A file that is read.
package struct ReadableFile: ~Copyable {
    private let path: String
    private let descriptor: Int32

    package init(_ path: String) throws(FileError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last(path, "cannot be read") }
    }
    deinit { close(descriptor) }

    /// - Returns: so many bytes; fewer only where the file ends.
    package func read(at offset: Int64, _ count: Int) throws(FileError) -> Data {
        var data = Data(count: count)
        var filled = 0
        while filled < count {
            let start = filled
            let got = data.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { pread(descriptor, $0 + start, count - start, off_t(offset) + off_t(start)) }
                    ?? 0
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .last(path, "cannot be read") }
            if got == 0 { break }
            filled += got
        }
        return data.prefix(filled)
    }

    /// From where it stands, of a pipe too.
    /// - Returns: so many bytes; fewer only where it ends.
    package func readAll(atMost count: Int) throws(FileError) -> Data {
        var data = Data()
        var piece = [UInt8](repeating: 0, count: min(count, 64 << 10))
        while data.count < count {
            let got = Glibc.read(descriptor, &piece, min(piece.count, count - data.count))
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw .last(path, "cannot be read") }
            if got == 0 { break }
            data += piece[..<got]
        }
        return data
    }

    /// In bytes; 0: there is no such file.
    package static func size(of path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }
}
