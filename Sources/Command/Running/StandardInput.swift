import FoundationEssentials
import Glibc
import MembusDocuments

enum StandardInput {
    /// Everything, up to more than any transaction holds.
    static func read() throws -> Data {
        var data = Data()
        try pieces { piece in
            data.append(contentsOf: piece)
            return data.count <= TransactionDocument.largest
        }
        guard data.count <= TransactionDocument.largest else {
            throw CommandError(
                "LIMIT_EXCEEDED", "standard input holds more than \(Human.bytes(Int64(TransactionDocument.largest)))",
                hint: "split it, or store it elsewhere and put a link")
        }
        return data
    }

    /// Everything, piece by piece.
    /// - Parameter take: whether it wants more.
    static func pieces(_ take: (UnsafeRawBufferPointer) throws -> Bool) throws {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = Glibc.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
            if count == 0 { return }
            if count > 0 {
                guard try take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { return }
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                // Somebody made the descriptor non-blocking.
                var poller = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
                _ = poll(&poller, 1, 1000)
            case EBADF:
                throw CommandError(
                    "INPUT", "standard input is closed", hint: "pipe something into it, or name a file or value")
            case let number:
                throw CommandError(
                    "INPUT", "standard input cannot be read: \(String(cString: strerror(number)))",
                    hint: "check where it comes from")
            }
        }
    }
}
