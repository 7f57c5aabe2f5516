import Dispatch
import FoundationEssentials
import Glibc
import MembusDocuments
import Synchronization

// Messages as lines: one in each line of standard input, one in each of standard output.
//
//   reading thread ─▶ whole lines, at most `mostAhead` and `mostBytesAhead` ahead ─▶ conversation ─▶ writing queue
//
// Whoever sends waits until its line is written, so that a client that stops reading holds up what it asked for, and then
// what it asks: nothing piles up. The end of input, or of a reader, ends it.

package struct StandardTransport: Sendable {
    private static let mostAhead = 32
    private static let mostBytesAhead = 1 << 20
    /// What was asked before the input ended is answered, if it does not take longer.
    private static let lastPatience: Duration = .seconds(1)

    private let input: Int32
    private let output: Int32

    package init(input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO) {
        self.input = input
        self.output = output
    }

    /// Returns once the conversation is over.
    package func run(_ server: Server) async {
        let (lines, feed) = AsyncStream.makeStream(of: Line.self)
        let writer = LineWriter(output) { feed.finish() }
        let conversation = Conversation(server: server) { await writer.write($0) }
        let ahead = Ahead(most: Self.mostAhead, mostBytes: Self.mostBytesAhead)
        let reader = LineReader(input) { line in
            ahead.add(line.size)
            if case .terminated = feed.yield(line) { return false }
            return true
        }
        Thread.start { [reader] in
            reader.run()
            feed.finish()
        }
        for await line in lines {
            if writer.isClosed { break }
            switch line {
            case .whole(let data): await conversation.take(Incoming(data), weight: Incoming.weight(of: data))
            case .tooLong: await conversation.take(.tooLong)
            }
            ahead.remove(line.size)
        }
        await conversation.settle(within: writer.isClosed ? .zero : Self.lastPatience)
        // Who has not read what there is by then will not.
        writer.hurry(within: Self.lastPatience)
        await conversation.end()
        await writer.flush()
    }
}

extension Incoming {
    fileprivate static var tooLong: Incoming {
        .one(.invalid(nil, .invalidRequest("a message of more than \(Incoming.largest) bytes")))
    }
}

private enum Line: Sendable {
    case whole(Data)
    /// What it held is not kept.
    case tooLong

    var size: Int { if case .whole(let data) = self { data.count } else { 0 } }
}

/// What was read and is not taken apart yet. Who reads waits while there is too much of it; one line has room in any case.
private final class Ahead: Sendable {
    private let most: Int
    private let mostBytes: Int
    private struct State {
        var (lines, bytes, isWaitedFor) = (0, 0, false)
    }
    private let state = Mutex(State())
    private let changed = DispatchSemaphore(value: 0)

    init(most: Int, mostBytes: Int) { (self.most, self.mostBytes) = (most, mostBytes) }

    /// By one thread alone.
    func add(_ size: Int) { while !hasAdded(size) { changed.wait() } }

    private func hasAdded(_ size: Int) -> Bool {
        state.withLock { state in
            state.isWaitedFor = state.lines > 0 && (state.lines >= most || state.bytes + size > mostBytes)
            if state.isWaitedFor { return false }
            state.lines += 1
            state.bytes += size
            return true
        }
    }

    func remove(_ size: Int) {
        let isWaitedFor = state.withLock { state in
            state.lines -= 1
            state.bytes -= size
            defer { state.isWaitedFor = false }
            return state.isWaitedFor
        }
        if isWaitedFor { changed.signal() }
    }
}

private enum Thread {
    static func start(_ body: @escaping @Sendable () -> Void) {
        DispatchQueue(label: "membus.mcp.input").async(execute: body)
    }
}

/// Reads until the end of input, or until nobody wants more.
private struct LineReader: Sendable {
    private let descriptor: Int32
    private let take: @Sendable (Line) -> Bool

    init(_ descriptor: Int32, _ take: @escaping @Sendable (Line) -> Bool) {
        self.descriptor = descriptor
        self.take = take
    }

    func run() {
        var (piece, line, isTooLong) = ([UInt8](repeating: 0, count: 64 << 10), Data(), false)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR || errno == EAGAIN {
                if errno == EAGAIN { pause() }
                continue
            }
            guard count > 0 else { break }
            var rest = piece[..<count]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                if !isTooLong { line.append(contentsOf: rest[..<end]) }
                guard hand(&line, &isTooLong) else { return }
                rest = rest[(end + 1)...]
            }
            if !isTooLong { line.append(contentsOf: rest) }
            if line.count > Incoming.largest {
                (line, isTooLong) = (Data(), true)
            }
        }
        // A last line may lack its end.
        _ = hand(&line, &isTooLong)
    }

    private func hand(_ line: inout Data, _ isTooLong: inout Bool) -> Bool {
        defer { (line, isTooLong) = (Data(), false) }
        if isTooLong { return take(.tooLong) }
        // Lines between messages, and what stands before a line feed on other systems.
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line.isEmpty ? true : take(.whole(line))
    }

    /// Somebody made the descriptor non-blocking.
    private func pause() {
        var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&poller, 1, 1000)
    }
}

/// Writes one line after another. What is short is written at once, by whoever has it, where the reader has room for it; what has
/// to wait does so on a thread that may.
private final class LineWriter: Sendable {
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "membus.mcp.output")
    private let closed = Atomic<Bool>(false)
    /// Lines that wait for the thread; held while a line is written without it.
    private let waiting = Mutex(0)
    private let whenClosed: @Sendable () -> Void

    init(_ descriptor: Int32, whenClosed: @escaping @Sendable () -> Void) {
        self.descriptor = descriptor
        self.whenClosed = whenClosed
    }

    /// Its reader has gone.
    var isClosed: Bool { closed.load(ordering: .acquiring) }

    /// From so long on nothing is written any more.
    func hurry(within time: Duration) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(Int(time / .milliseconds(1)))) { [self] in
            closed.store(true, ordering: .releasing)
        }
    }

    /// What a pipe takes at once where it has room: whoever writes more may wait in the system, and can't be called back.
    private static let mostAtOnce = 4096

    /// Returns once it is written.
    func write(_ message: JSONValue) async {
        if isClosed { return }
        let bytes = message.bytes + [UInt8(ascii: "\n")]
        if hasWritten(bytes) { return }
        await withCheckedContinuation { continuation in
            queue.async { [self] in
                writeAll(bytes[...])
                waiting.withLock { $0 -= 1 }
                continuation.resume()
            }
        }
    }

    /// - Returns: `false`: it has its place behind those that wait.
    private func hasWritten(_ bytes: [UInt8]) -> Bool {
        waiting.withLock { waiting in
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            if waiting == 0, bytes.count <= Self.mostAtOnce, poll(&poller, 1, 0) == 1 {
                writeAll(bytes[...])
                return true
            }
            waiting += 1
            return false
        }
    }

    func flush() async { await withCheckedContinuation { continuation in queue.async { continuation.resume() } } }

    private func writeAll(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty, !isClosed {
            var poller = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&poller, 1, 100) > 0 else { continue }
            let count = rest.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, min($0.count, Self.mostAtOnce))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR, errno != EAGAIN {
                closed.store(true, ordering: .releasing)
                whenClosed()
            }
        }
    }
}
