import Foundation
import MembusRecording
import Synchronization

/// The moment on the clock that all processes of the machine share, in nanoseconds.
func monotonic() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Puts facts on record, each with one write: what was noted outlives the process, however it ends.
final class Recorder: Sendable {
    private let file: Mutex<CInt>
    let agent: Int
    let life: Int

    init(path: String, agent: Int, life: Int) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Wrong("\(path) can't be opened: \(String(cString: strerror(errno)))") }
        file = Mutex(descriptor)
        (self.agent, self.life) = (agent, life)
    }

    /// - Parameter time: when what is told was looked at; `nil`: now.
    func note(_ fact: RecordedFact, at time: Int64? = nil) {
        do {
            var line = try JSONEncoder().encode(
                RecordedLine(t: time ?? monotonic(), agent: agent, life: life, fact: fact))
            line.append(UInt8(ascii: "\n"))
            try file.withLock { descriptor in try Self.write(line, to: descriptor) }
        } catch {
            // Without its record the run proves nothing.
            FileHandle.standardError.write(Data("membus-chaos-agent: the record failed: \(error)\n".utf8))
            exit(74)
        }
    }

    private static func write(_ line: Data, to descriptor: CInt) throws {
        try line.withUnsafeBytes { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Foundation.write(descriptor, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw Wrong(String(cString: strerror(errno))) }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
    }
}

struct Wrong: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Tokens that agents pass to one another: a file of lines, of which the newest count.
struct TokenBoard: Sendable {
    let path: String

    func put(_ token: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        let line = token + "\n"
        _ = line.withCString { write(descriptor, $0, strlen($0)) }
    }

    /// The newest ones, those of other agents among them.
    func newest() -> [String] {
        guard let file = FileHandle(forReadingAtPath: path) else { return [] }
        defer { try? file.close() }
        guard let end = try? file.seekToEnd(), (try? file.seek(toOffset: end > 600 ? end - 600 : 0)) != nil,
            let data = try? file.readToEnd()
        else { return [] }
        // The first line is cut, unless the file is short; the last may be.
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.dropLast().suffix(8).map(String.init)
    }
}
