import Foundation
import Membus
import Synchronization

// An agent process for the system tests, on the library as users have it.
//
//   membus-test-agent write  --broker URL --as NAME [--pause-ms N] FILE
//       commits FILE's lines ({"key", "value"}) one after another, each as one transaction, each once
//   membus-test-agent follow --broker URL --as NAME [--mode update|invalidate] [--warm FILE] TOPIC
//       keeps a view; for each token read from standard input waits until the view has reached it, reads
//       everything, and prints {"revision", "count", "digest"}; ends with its input
//   membus-test-agent time   --broker URL --as NAME COUNT
//       commits 512 bytes so often, one after another, and prints the median of the times, in nanoseconds

@main
struct Agent {
    static func main() async {
        do {
            let arguments = try Arguments(CommandLine.arguments.dropFirst())
            let memory = try await Memory.connect(
                to: arguments.broker, as: arguments.name, context: "test", timeout: .seconds(120))
            switch arguments.job {
            case "write": try await write(arguments, memory)
            case "follow": try await follow(arguments, memory)
            case "time": try await time(arguments, memory)
            default: throw Wrong("unknown job \(arguments.job)")
            }
            await memory.close()
        } catch {
            FileHandle.standardError.write(Data("membus-test-agent: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func write(_ arguments: Arguments, _ memory: Memory) async throws {
        struct Line: Decodable {
            var key: String
            var value: String
        }
        let content = try String(contentsOfFile: arguments.operand, encoding: .utf8)
        for text in content.split(separator: "\n") {
            let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
            let receipt = try await memory.transact { $0.put(line.key, text: line.value) }
            guard receipt.isCommitted else { throw Wrong("\(line.key) was not committed") }
            try await Task.sleep(for: arguments.pause)
        }
    }

    private static func time(_ arguments: Arguments, _ memory: Memory) async throws {
        let value = String(repeating: "x", count: 512)
        var times: [Duration] = []
        for _ in 0..<(Int(arguments.operand) ?? 0) {
            let begun = ContinuousClock.now
            try await memory.transact { $0.put("commits/swift", text: value) }
            times.append(ContinuousClock.now - begun)
        }
        guard !times.isEmpty else { throw Wrong("time needs a number of commits") }
        print(Int(times.sorted()[times.count / 2] / .nanoseconds(1)))
    }

    private static func follow(_ arguments: Arguments, _ memory: Memory) async throws {
        let view = try await memory.follow(
            arguments.operand, mode: arguments.mode, warm: arguments.warm.map { URL(fileURLWithPath: $0) })
        // Listening begins before the listing, so that no key falls between the two.
        let changes = view.changes.makeAsyncIterator()
        // An update view knows its keys by itself; what others are told of is kept, and grows with every new key.
        let heard = view.mode == .update ? nil : Heard(try await list(view, memory))
        let listening = Task {
            var changes = changes
            while let change = await changes.next() { heard?.note(change) }
        }
        while let line = readLine() {
            guard let token = Token(line) else { throw Wrong("no token: \(line)") }
            try await view.wait(for: .atLeast(token), timeout: .seconds(60))
            try await heard?.wait(for: token.revision)
            print(try await report(view, heard, memory))
            fflush(nil)
        }
        listening.cancel()
    }

    private static func report(_ view: View, _ heard: Heard?, _ memory: Memory) async throws -> String {
        let found: (at: Position, digest: StateDigest)
        if view.mode == .update {
            found = try view.digest()
        } else {
            let keys =
                if let keys = heard?.keys { keys.sorted() } else {
                    try await list(view, memory).map(\.key.text).sorted()
                }
            found = try await read(keys, through: view)
        }
        let digest = found.digest.bytes.map { String(format: "%02x", $0) }.joined()
        return #"{"revision": \#(found.at.revision), "count": \#(found.digest.count), "digest": "\#(digest)"}"#
    }

    private static func list(_ view: View, _ memory: Memory) async throws -> [Record] {
        var records: [Record] = []
        for try await record in memory.range(view.topics.topics.map(\.text), keysOnly: true) { records.append(record) }
        return records
    }

    /// An invalidate view knows no keys by itself: what it was told of is read, all at one revision.
    private static func read(
        _ keys: [String], through view: View
    ) async throws -> (at: Position, digest: StateDigest) {
        let snapshot = try await view.get(keys)
        var builder = StateDigest.Builder()
        for record in snapshot.records where !record.isDeleted { builder.add(record) }
        return (snapshot.token.position, builder.finish())
    }
}

/// The keys that a view told of.
final class Heard: Sendable {
    private struct State {
        var keys: Set<String>
        var revision: Revision
        var isPartial = false
    }
    private let state: Mutex<State>

    init(_ records: [Record]) {
        state = Mutex(
            State(keys: Set(records.map(\.key.text)), revision: records.map(\.revision).max() ?? 0))
    }

    /// `nil`: the view could not name all that changed.
    var keys: Set<String>? { state.withLock { $0.isPartial ? nil : $0.keys } }

    func note(_ change: ViewChanges.Element) {
        state.withLock { state in
            switch change {
            case .changed(let key, let revision, _):
                state.keys.insert(key.text)
                state.revision = max(state.revision, revision)
            case .deleted(_, let revision): state.revision = max(state.revision, revision)
            case .everything: state.isPartial = true
            }
        }
    }

    /// A view is where its changes lead before all of them are taken. Nobody says that the revision itself
    /// changed something here, hence the bound.
    func wait(for revision: Revision) async throws {
        for _ in 0..<200 where state.withLock({ !$0.isPartial && $0.revision < revision }) {
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

struct Wrong: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

struct Arguments {
    var job = ""
    var operand = ""
    var broker = ""
    var name = ""
    var mode = StreamMode.update
    var warm: String?
    var pause: Duration = .zero

    init(_ arguments: some Sequence<String>) throws {
        var words: [String] = []
        var rest = Array(arguments)[...]
        while let word = rest.popFirst() {
            func value() throws -> String {
                guard let value = rest.popFirst() else { throw Wrong("\(word) needs a value") }
                return value
            }
            switch word {
            case "--broker": broker = try value()
            case "--as": name = try value()
            case "--mode": mode = try StreamMode(rawValue: value()) ?? .update
            case "--warm": warm = try value()
            case "--pause-ms": pause = .milliseconds(Int(try value()) ?? 0)
            default: words.append(word)
            }
        }
        guard words.count == 2 else { throw Wrong("say write, follow or time, and what") }
        (job, operand) = (words[0], words[1])
    }
}
