import Foundation
import MembusDocuments

/// The lines of a file, one by one, with a bound on their length: reads as much of the file as it needs.
struct LineReader: ~Copyable {
    struct Line: Sendable {
        /// From 1.
        let number: Int
        let bytes: Data
        /// Where the next line starts, in bytes from the file's start.
        let end: Int64
        /// Nothing but white space.
        var isBlank: Bool { bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
    }

    let path: String
    let size: Int64
    private let descriptor: Int32
    private let longest: Int
    /// What was read; its first `taken` bytes were given out.
    private var buffer: [UInt8] = []
    private var taken = 0
    private var number = 0
    private var end: Int64 = 0
    private var isAtEnd = false

    /// - Throws: ``CommandError`` if `path` is not a file that can be read twice.
    init(path: String, longest: Int = TransactionDocument.largest) throws {
        self.path = path
        self.longest = longest
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
            size = 0
            throw CommandError(
                "FILE", "\(path) cannot be read: \(String(cString: strerror(errno)))",
                hint: "check the path and its permissions")
        }
        size = Int64(status.st_size)
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CommandError(
                "FILE", "\(path) is not a regular file", hint: "an import reads it twice: write it to a file first")
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// - Returns: `nil` after the last line. A last line need not end in a line end.
    mutating func next() throws -> Line? {
        var searched = 0
        while true {
            let waiting = buffer.count - taken
            if let length = lineEnd(after: searched) { return take(length, and: 1) }
            if isAtEnd { return waiting == 0 ? nil : take(waiting, and: 0) }
            guard waiting <= longest else {
                throw CommandError(
                    "FILE", "\(path):\(number + 1): the line is longer than \(longest) bytes", hint: "split it")
            }
            searched = waiting
            try fill()
        }
    }

    /// The length of the line that starts at `taken`, if it is known to end; its first bytes were searched before.
    private func lineEnd(after searched: Int) -> Int? {
        buffer.withUnsafeBytes { bytes in
            let rest = UnsafeRawBufferPointer(rebasing: bytes[(taken + searched)...])
            guard let start = rest.baseAddress, let found = memchr(start, 0x0A, rest.count) else { return nil }
            return searched + (UnsafeRawPointer(found) - start)
        }
    }

    private mutating func take(_ count: Int, and separator: Int) -> Line {
        number += 1
        end += Int64(count + separator)
        let line = Line(number: number, bytes: Data(buffer[taken..<taken + count]), end: end)
        taken += count + separator
        return line
    }

    private mutating func fill() throws {
        buffer.removeFirst(taken)
        taken = 0
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        let count = read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { return }
        guard count >= 0 else {
            throw CommandError(
                "FILE", "\(path) cannot be read: \(String(cString: strerror(errno)))", hint: "check the disk")
        }
        if count == 0 { isAtEnd = true } else { buffer.append(contentsOf: chunk[..<count]) }
    }
}
