import FoundationEssentials
import Glibc
import MembusSystem

/// Has `membus start` make sure that a broker has a data directory. That command does what there is to do, for every door:
/// see there. The broker outlives this process.
package enum BrokerStart {
    /// - Parameters:
    ///   - directory: the data directory; made if missing.
    ///   - program: `membus`.
    ///   - environment: the process's.
    ///   - untilSignal: a signal's handler that runs meanwhile ends the waiting. The broker may still come.
    /// - Returns: where the broker takes requests, and whether it was there already.
    /// - Throws: ``MembusError/file(path:problem:)``: the program can't be run, or says why it started none;
    ///   ``Interrupted``.
    package static func ensure(
        _ directory: String, by program: String, in environment: [String: String], untilSignal: Bool = false
    ) throws -> (url: String, isNew: Bool) {
        let files = BrokerFiles(directory)
        if let endpoint = files.endpoints.first { return (endpoint, false) }
        let said = try run(program, ["start", "--data", directory], environment, untilSignal)
        guard let endpoint = files.endpoints.first else {
            throw MembusError.file(path: program, problem: "started no broker on \(directory): \(said)")
        }
        // Somebody else's may have been faster.
        return (endpoint, said.contains(news))
    }

    /// A signal came.
    package struct Interrupted: Error {}

    /// For whoever has it started.
    package static func told(of directory: String) -> String {
        "a broker serves \(directory)\(news)\(BrokerFiles(directory).log)"
    }
    /// What `membus start` says of one that it has started.
    private static let news = " in the background, log in "

    /// `membus` by its name, if no file of it is named: beside the programme that runs, else where the shell would find it.
    package static func program(in environment: [String: String]) -> String? {
        if let named = environment["MEMBUS_PROGRAM"], !named.isEmpty { return named }
        var own = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &own, own.count - 1)
        var places: [String] = []
        if count > 0 {
            let path = String(decoding: own[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            places.append(FilePlace.directory(of: path))
        }
        places += (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map(String.init)
        return places.map { $0 + "/membus" }.first { access($0, X_OK) == 0 }
    }

    /// - Returns: what it said.
    private static func run(
        _ program: String, _ arguments: [String], _ environment: [String: String], _ untilSignal: Bool
    ) throws -> String {
        // A file rather than a pipe, whose end another child of this process might hold for as long as it runs.
        let output: Int32
        do throws(FileError) { output = try PrivateFile.openUnnamed(in: environment["TMPDIR"] ?? "/tmp") } catch {
            throw MembusError(error)
        }
        defer { _ = close(output) }
        let process = try spawn(program, arguments, environment, output: output)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 {
            // Whoever has this process's children reaped elsewhere leaves nothing to wait for.
            if errno != EINTR { break }
            if untilSignal { throw Interrupted() }
        }
        return text(in: output)
    }

    private static func spawn(
        _ program: String, _ arguments: [String], _ environment: [String: String], output: Int32
    ) throws(MembusError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        var (words, pairs) = ([program] + arguments, environment.map { "\($0.key)=\($0.value)" })
        var process: pid_t = 0
        let code = withStrings(&words) { words in
            withStrings(&pairs) { pairs in posix_spawn(&process, program, &actions, nil, words, pairs) }
        }
        guard code == 0 else {
            throw .file(path: program, problem: "cannot be run: \(String(cString: strerror(code)))")
        }
        return process
    }

    private static func withStrings<T>(
        _ texts: inout [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> T
    ) -> T {
        let strings = texts.map { strdup($0) }
        defer { for string in strings { free(string) } }
        return body(strings + [nil])
    }

    private static func text(in file: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = pread(file, &bytes, bytes.count, 0)
        let text = String(decoding: bytes[..<max(0, count)], as: UTF8.self)
        return text.isEmpty ? "it said nothing" : text
    }
}
