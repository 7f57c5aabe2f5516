import Foundation
import Synchronization

/// A `membus serve` that runs.
final class BrokerProcess: Sendable {
    let pid: pid_t
    let endpoint: String
    /// From the start of the process to its ready line, in milliseconds.
    let readyAfter: Double
    private let process: Mutex<Process>
    private let output: Pipe

    /// - Parameter data: its data directory.
    init(_ setting: Setting, data: String) throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: setting.membus)
        process.arguments = [
            "serve", "--data", data, "--listen", "tcp://127.0.0.1:*", "--events", "tcp://127.0.0.1:*", "--json",
            "--log-level", "error",
        ]
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        let start = Clock.nanoseconds
        try process.run()
        var line = Data()
        while !line.contains(UInt8(ascii: "\n")) {
            let read = output.fileHandleForReading.availableData
            if read.isEmpty { throw Trouble("membus serve ended before it was ready") }
            line += read
        }
        readyAfter = Double(Clock.nanoseconds - start) / 1e6
        pid = process.processIdentifier
        let told = try JSONSerialization.jsonObject(with: line) as? [String: Any]
        guard let endpoint = (told?["requests"] as? [String])?.first else {
            throw Trouble("membus serve said something unexpected: \(String(decoding: line, as: UTF8.self))")
        }
        self.endpoint = endpoint
        self.output = output
        self.process = Mutex(process)
    }

    func stop() {
        process.withLock { process in
            process.terminate()
            process.waitUntilExit()
        }
    }

    /// Of its resident memory, in MiB: all of it, and what is its own rather than mapped files.
    var memory: (resident: Double, own: Double) {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        func field(_ name: String) -> Double {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first).flatMap { Double($0) } ?? .nan
        }
        return (field("VmRSS") / 1024, field("RssAnon") / 1024)
    }

    /// Seconds of processor time that it has used.
    var processorSeconds: Double {
        let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        guard let end = stat.lastIndex(of: ")") else { return .nan }
        let fields = stat[end...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else { return .nan }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
