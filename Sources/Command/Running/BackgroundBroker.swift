import CProcess
import FoundationEssentials
import Glibc
import Membus
import MembusBus
import MembusSystem

// A broker that nobody has a terminal for.
//
//   1. somebody has the directory: done, once it says where it listens
//   2. one at a time (BrokerFiles.whileStarting): look again; else run `membus serve`, in a session of its own, with
//      nothing of this process but its environment
//   3. wait until it says where it listens, or has ended: then its last words are the error
//
// The directory's lock decides who has it; the order above only keeps two from being started where one will do.

struct BackgroundBroker: Sendable {
    struct Started {
        var endpoint: String
        var process: pid_t
        var isNew: Bool
    }

    let files: BrokerFiles
    private let arguments: [String]

    /// - Throws: ``CommandError`` if sockets can't be inside the directory.
    init(directory: String, idle: Duration, config: String?) throws {
        try PrivateFile.makeDirectory(directory)
        guard let place = realpath(directory, nil) else {
            throw FileError.last(directory, "cannot be looked at")
        }
        defer { free(place) }
        files = BrokerFiles(String(cString: place))
        let (requests, events) = (files.directory + "/requests.sock", files.directory + "/events.sock")
        if requests.utf8.count > Address.longestPath {
            throw CommandError(
                "ENDPOINT",
                "the data directory's path is too long for a socket in it: \(requests) has \(requests.utf8.count) bytes, "
                    + "and may have \(Address.longestPath)",
                hint: "name a shorter one: --data or MEMBUS_DATA", .usage)
        }
        var arguments = ["serve", "--data", files.directory]
        arguments += ["--listen", "ipc://\(requests)", "--events", "ipc://\(events)"]
        arguments += ["--idle", "\(max(1, idle.components.seconds))s"]
        if let config {
            let whole = config.hasPrefix("/") ? config : FileManager.default.currentDirectoryPath + "/" + config
            arguments += ["--config", whole]
        }
        self.arguments = arguments
    }

    func ensure(within patience: Duration) throws -> Started {
        let deadline = ContinuousClock.now + patience
        if let there { return there }
        return try files.whileStarting {
            // Somebody else's start, or another way to start: it is about to say where it listens.
            while files.holder != nil, ContinuousClock.now < deadline {
                if let there { return there }
                usleep(10_000)
            }
            return try start(until: deadline)
        }
    }

    /// Of whoever has the directory, once it says where it listens.
    private var there: Started? {
        guard let endpoint = files.endpoints.first, let process = files.holder else { return nil }
        return Started(endpoint: endpoint, process: process, isNew: false)
    }

    private func start(until deadline: ContinuousClock.Instant) throws -> Started {
        let said = BrokerLog(files.log)
        let process = try spawn()
        while ContinuousClock.now < deadline {
            var status: Int32 = 0
            if waitpid(process, &status, WNOHANG) == process {
                throw CommandError(
                    "NOT_STARTED", "the broker ended as it started: \(said.last)", hint: "its log is \(files.log)")
            }
            if files.holder == process, let endpoint = files.endpoints.first {
                return Started(endpoint: endpoint, process: process, isNew: true)
            }
            usleep(5000)
        }
        throw CommandError(
            "NOT_STARTED", "the broker (process \(process)) was not ready in time", hint: "its log is \(files.log)")
    }

    private func spawn() throws -> pid_t {
        try PrivateFile.make(files.log)
        let words = (["membus"] + arguments).map { strdup($0) } + [nil]
        let pairs = ProcessInfo.processInfo.environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + pairs { free(text) } }
        var process: pid_t = 0
        let code = membus_start_in_background("/proc/self/exe", words, pairs, files.log, &process)
        guard code == 0 else {
            throw CommandError(
                "NOT_STARTED", "membus cannot be run again: \(String(cString: strerror(code)))",
                hint: "start a broker with: membus serve")
        }
        return process
    }

    // MARK: Stopping

    static func stop(_ process: pid_t, of files: BrokerFiles, within patience: Duration) throws {
        guard process > 0, holds(process, files.lock) else {
            throw CommandError(
                "NOT_STOPPED",
                "\(files.directory) is in use, but process \(process), which its lock names, does not have it open",
                hint: "stop the broker where it was started: in its container, say")
        }
        guard kill(process, SIGTERM) == 0 else {
            throw CommandError(
                "NOT_STOPPED", "process \(process) cannot be stopped: \(String(cString: strerror(errno)))",
                hint: "be the user whose broker it is")
        }
        let deadline = ContinuousClock.now + patience
        while files.holder == process {
            guard ContinuousClock.now < deadline else {
                throw CommandError(
                    "NOT_STOPPED", "the broker (process \(process)) was told to stop, and goes on",
                    hint: "it finishes what is under way; allow more with --timeout")
            }
            usleep(10_000)
        }
    }

    /// The lock's number may mean another process by now, or one of another container.
    private static func holds(_ process: pid_t, _ lock: String) -> Bool {
        var wanted = stat()
        guard stat(lock, &wanted) == 0,
            let open = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")
        else { return false }
        return open.contains { name in
            var there = stat()
            return stat("/proc/\(process)/fd/\(name)", &there) == 0 && there.st_ino == wanted.st_ino
                && there.st_dev == wanted.st_dev
        }
    }
}

/// What a broker says of its start: what comes behind all that is there by now.
private struct BrokerLog {
    private let path: String
    private let start: Int64

    init(_ path: String) {
        self.path = path
        start = ReadableFile.size(of: path)
    }

    /// Its last words.
    var last: String {
        let read = try? ReadableFile(path).read(at: start, 64 << 10)
        let text = read.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let lines = text.split(separator: "\n")
        return lines.isEmpty ? "it said nothing" : lines.suffix(3).joined(separator: "\n")
    }
}
