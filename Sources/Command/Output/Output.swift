import FoundationEssentials
import Glibc
import MembusDocuments
import MembusSystem
import Synchronization

/// The reader of standard output went away. Not a failure: the command ends quietly.
struct ReaderGone: Error {}

/// Standard output, whole lines at a time: what is buffered when a command ends is written; `watch` flushes
/// each line.
final class Output: Sendable {
    static let standard = Output(descriptor: STDOUT_FILENO)

    private let descriptor: Int32
    private let buffer = Mutex<[UInt8]>([])
    /// Whether a person looks at it.
    let isTerminal: Bool
    let style: Style

    init(descriptor: Int32) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
        style = Style(isOn: Style.isWanted(onTerminal: isTerminal, environment: ProcessInfo.processInfo.environment))
    }

    func line(_ text: String) throws { try write(Array(text.utf8) + [UInt8(ascii: "\n")]) }
    func line(_ json: JSONValue) throws { try line(json.line) }

    func write(_ bytes: some Sequence<UInt8>) throws {
        try buffer.withLock { buffer in
            buffer.append(contentsOf: bytes)
            if buffer.count >= 64 << 10 { try drain(&buffer) }
        }
    }

    func flush() throws { try buffer.withLock { try drain(&$0) } }

    /// Prints what came of a change. If that fails, the error tells what was done all the same: who takes it
    /// for a refusal of the change would repeat it.
    func tell(of deed: String?, _ body: (Output) throws -> Void) throws {
        do {
            try body(self)
            try flush()
        } catch var commandError as CommandError where deed != nil {
            commandError.message += "; \(deed ?? "")"
            commandError.hint = "do not repeat it; check where the output goes, and the free space there"
            throw commandError
        }
    }

    private func drain(_ buffer: inout [UInt8]) throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        var rest = buffer[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                wait()
                continue
            }
            if count < 0, errno == EPIPE { throw ReaderGone() }
            if count < 0 {
                throw CommandError(
                    "OUTPUT", "standard output cannot be written: \(String(cString: strerror(errno)))",
                    hint: "check where it goes, and the free space there", .error)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Somebody made the descriptor non-blocking.
    private func wait() {
        var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = poll(&poller, 1, 1000)
    }

    /// Whether the reader has gone, which an idle command would not notice by writing.
    var isReaderGone: Bool {
        var poller = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&poller, 1, 0) > 0 && Int32(poller.revents) & (POLLERR | POLLHUP | POLLNVAL) != 0
    }

    /// Lets a line that is being written get whole, but not for longer than a moment: then the process may end.
    func settle() {
        for _ in 0..<20 {
            if buffer.withLockIfAvailable({ _ in }) != nil { return }
            usleep(10_000)
        }
    }

    /// To people, on standard error.
    static func warn(_ text: String, prefix: String = "membus: ") {
        StandardError.write(prefix + text + "\n")
    }
}

/// Colours, where somebody sees them.
struct Style: Sendable {
    let isOn: Bool

    /// `NO_COLOR` as of https://no-color.org.
    static func isWanted(onTerminal isTerminal: Bool, environment: [String: String]) -> Bool {
        isTerminal && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    }

    func dim(_ text: String) -> String { with("2", text) }
    func bold(_ text: String) -> String { with("1", text) }
    func red(_ text: String) -> String { with("31", text) }
    func green(_ text: String) -> String { with("32", text) }
    private func with(_ code: String, _ text: String) -> String { isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text }
}
