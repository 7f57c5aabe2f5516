import Foundation
import Synchronization

/// The built `membus`, and a broker of its own for a test.
final class Broker: Sendable {
    let url: String
    let directory: String
    private let process: Mutex<Process>

    static var executable: URL {
        // Under a sanitizer it is built elsewhere.
        if let path = ProcessInfo.processInfo.environment["MEMBUS_BINARY"] { return URL(fileURLWithPath: path) }
        return URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent(".build/debug/membus")
    }

    /// `membus` with these arguments. Signals do to it what they do by default: what a shell starts in the background, as
    /// in `deploy/test &`, has some of them ignored, and so would all that it starts.
    private static func process(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["--default-signal=HUP,INT,QUIT,PIPE,TERM", executable.path] + arguments
        return process
    }

    struct Ended: Sendable {
        let code: Int32
        let out: String
        let err: String
        var lines: [String] { out.split(separator: "\n").map(String.init) }
    }

    init() throws {
        directory = FileManager.default.temporaryDirectory.path + "/membus-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let process = Self.process([
            "serve", "--data", directory + "/data", "--listen", "tcp://127.0.0.1:*", "--json", "--log-level", "error",
        ])
        let out = Pipe()
        process.standardOutput = out
        try process.run()
        let line = out.fileHandleForReading.availableData
        let told = try JSONSerialization.jsonObject(with: line) as? [String: Any]
        url = (told?["requests"] as? [String])?.first ?? ""
        self.process = Mutex(process)
    }

    deinit {
        _ = stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// - Returns: the exit code after SIGTERM.
    func stop() -> Int32 {
        process.withLock { process in
            if process.isRunning { process.terminate() }
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    func path(_ name: String) -> String { directory + "/" + name }

    func run(_ arguments: String..., input: String? = nil) throws -> Ended {
        let process = try start(arguments, input: input, out: path("out-\(UUID().uuidString)"))
        process.process.waitUntilExit()
        return process.ended
    }

    struct Running {
        let process: Process
        let out: String
        var ended: Ended {
            func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
            return Ended(code: process.terminationStatus, out: read(out), err: read(out + ".err"))
        }
        var lines: [String] {
            ((try? String(contentsOfFile: out, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
        }

        /// Waits, at most 20 s.
        func until(_ condition: (Running) -> Bool) -> Bool {
            for _ in 0..<400 {
                if condition(self) { return true }
                usleep(50_000)
            }
            return false
        }
    }

    func start(_ arguments: [String], input: String? = nil, out: String) throws -> Running {
        let process = Self.process(arguments)
        process.environment = [
            "MEMBUS_BROKER": url, "MEMBUS_AGENT": "tester", "PATH": "/usr/bin:/bin", "HOME": directory,
        ]
        for (path, set) in [(out, { process.standardOutput = $0 }), (out + ".err", { process.standardError = $0 })]
            as [(String, (FileHandle?) -> Void)]
        {
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            set(FileHandle(forWritingAtPath: path))
        }
        if let input {
            let file = out + ".in"
            try Data(input.utf8).write(to: URL(fileURLWithPath: file))
            process.standardInput = FileHandle(forReadingAtPath: file)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        return Running(process: process, out: out)
    }
}
