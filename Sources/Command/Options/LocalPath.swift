import ArgumentParser
import FoundationEssentials
import Glibc
import MembusSystem

/// A file or directory of this machine, as people name it: on the command line, and in the configuration file. What is
/// meant is decided here alone, before anything looks, so that what is looked for is what is written:
///
///   ~ and ~/…   the home directory, also where a shell leaves them as they are (`--into=~/x`, quotes)
///   ~name…      refused: only a shell knows other people's, and the system would make a file of that name
///   x/          a directory; refused where a file is meant
///   the rest    as it stands; `./~` is a file of that name
struct LocalPath: Hashable, Sendable {
    /// What the system is given.
    let path: String

    /// Known to lead where the text says.
    init(unchecked path: String) { self.path = path }

    static func file(_ text: String) throws -> LocalPath {
        let place = try LocalPath(text)
        if place.path.hasSuffix("/") { throw Fault(reason: "\"\(text)\" names a directory, where a file is meant") }
        return place
    }

    static func directory(_ text: String) throws -> LocalPath { try LocalPath(text) }

    private init(_ text: String) throws {
        if text.isEmpty { throw Fault(reason: "the name is empty") }
        // The system would take it for the end.
        if text.utf8.contains(0) { throw Fault(reason: "the name contains a null character") }
        guard text.hasPrefix("~") else {
            path = text
            return
        }
        guard text == "~" || text.hasPrefix("~/") else {
            throw Fault(
                reason: "only ~/ is known here, not \"\(text.prefix { $0 != "/" })\": "
                    + "write ./\(text) for a file of that name")
        }
        let home = try Self.home()
        path = home.isEmpty && text == "~" ? "/" : home + text.dropFirst()
    }

    /// Without a slash at its end.
    static func home(environment: [String: String] = ProcessInfo.processInfo.environment) throws -> String {
        guard let home = DataDirectoryRule.home(in: environment) else {
            throw Fault(reason: "there is no home directory: set HOME, or write the whole path")
        }
        return home
    }

    var url: URL { URL(fileURLWithPath: path) }

    struct Fault: Error, CustomStringConvertible {
        let reason: String
        var description: String { reason }
    }
}

/// A file to read, or standard input.
enum InputPath: Hashable, Sendable {
    case standardInput
    case file(LocalPath)

    static func read(_ text: String) throws -> InputPath {
        text == "-" ? .standardInput : .file(try LocalPath.file(text))
    }

    /// What people are told that it is.
    var name: String {
        switch self {
        case .standardInput: "standard input"
        case .file(let place): place.path
        }
    }
}

/// Where a broker keeps its store unless it is told.
enum DataDirectoryOption {
    /// For the help.
    static let shown = "MEMBUS_DATA, else \(DataDirectoryRule.usual)"

    static func path(
        _ given: LocalPath?, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> String {
        if let given { return given.path }
        guard let path = DataDirectoryRule.path(in: environment) else {
            throw CommandError(
                "USAGE", "there is no home directory: set HOME", hint: "name the data directory with --data", .usage)
        }
        return path
    }
}
