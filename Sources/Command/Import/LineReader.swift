import FoundationEssentials
import Glibc
import MembusDocuments

/// The lines of what is imported, one by one, with a bound on their length: reads as much as it needs.
struct LineReader: ~Copyable {
    struct Line: Sendable {
        /// From 1.
        let number: Int
        let bytes: Data
        /// Where the next line starts, in bytes from the start.
        let end: Int64
        /// Nothing but white space.
        var isBlank: Bool {
            ByteOrderMark.removed(from: bytes).allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        }
    }

    private let source: ImportSource
    private let longest: Int
    /// Longer ones have to look like one of ours.
    private let usual: Int
    /// What was read; its first `taken` bytes were given out.
    private var buffer: [UInt8] = []
    private var taken = 0
    private var number = 0
    private var end: Int64 = 0
    /// What was read of the source.
    private var offset: Int64 = 0
    private var isAtEnd = false

    init(
        _ source: ImportSource, longest: Int = TransactionDocument.longestLine,
        usual: Int = TransactionDocument.largest
    ) {
        self.source = source
        self.usual = usual
        self.longest = longest
    }

    /// - Returns: `nil` after the last line. A last line need not end in a line end.
    mutating func next() throws -> Line? {
        var searched = 0
        while true {
            let waiting = buffer.count - taken
            if let length = lineEnd(after: searched) { return take(length, and: 1) }
            if isAtEnd { return waiting == 0 ? nil : take(waiting, and: 0) }
            // What does not begin as an object will never be a line, however long it gets.
            guard waiting <= longest, waiting <= usual || buffer[taken...].prefix(64).contains(UInt8(ascii: "{"))
            else {
                throw CommandError(
                    "FILE", "\(source.name):\(number + 1): the line is longer than \(min(waiting, longest)) bytes",
                    hint: "split it")
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
        let chunk = try source.read(256 << 10, at: offset)
        offset += Int64(chunk.count)
        if chunk.isEmpty { isAtEnd = true } else { buffer.append(contentsOf: chunk) }
    }
}
