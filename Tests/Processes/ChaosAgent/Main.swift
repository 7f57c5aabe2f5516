import Foundation
import Membus
import MembusDice
import MembusRecording

// An agent under chaos: it works on the library as users have it, and puts on record all that it asked for and saw.
//
//   membus-chaos-agent --broker URL --agent N --life N --seed S --round S --record FILE --tokens FILE --warm DIR
//
// Told "rest" on its standard input it starts nothing new, and prints how its views stand, a line each 100 ms:
// {"idle": true, "views": [{"view", "token", "live"}]}. Told "report" it puts their digests on record and ends.

@main
struct Main {
    static func main() async {
        do {
            let options = try Options(CommandLine.arguments.dropFirst())
            let worker = try Worker(options, memory: try await connect(options))
            let orders = Orders()
            let work = Task { await worker.work() }
            let watch = Task { await worker.keepWatching(Dice(seed: ~options.seed)) }
            await orders.wait(for: "rest")
            worker.rest()
            let standing = Task { await worker.showStanding() }
            await orders.wait(for: "report")
            standing.cancel()
            await standing.value
            await work.value
            await worker.report()
            watch.cancel()
            await watch.value
            await worker.memory.close()
        } catch {
            FileHandle.standardError.write(Data("membus-chaos-agent: \(error)\n".utf8))
            exit(1)
        }
    }

    /// The broker may be down, or out of reach, for long.
    private static func connect(_ options: Options) async throws -> Memory {
        while true {
            do {
                return try await Memory.connect(
                    to: options.broker, as: "agent-\(options.agent)", context: "chaos", timeout: .seconds(10))
            } catch MembusError.timeout { continue }
        }
    }
}

struct Options: Sendable {
    var broker = ""
    var agent = 1
    var life = 0
    var seed: UInt64 = 1
    var round: UInt64 = 1
    var record = ""
    var tokens = ""
    var warm = ""

    init(_ arguments: some Sequence<String>) throws {
        var rest = Array(arguments)[...]
        while let name = rest.popFirst() {
            guard let value = rest.popFirst() else { throw Wrong("\(name) needs a value") }
            switch name {
            case "--broker": broker = value
            case "--agent": agent = Int(value) ?? agent
            case "--life": life = Int(value) ?? life
            case "--seed": seed = UInt64(value) ?? seed
            case "--round": round = UInt64(value) ?? round
            case "--record": record = value
            case "--tokens": tokens = value
            case "--warm": warm = value
            default: throw Wrong("unknown option \(name)")
            }
        }
        if [broker, record, tokens, warm].contains("") {
            throw Wrong("--broker, --record, --tokens and --warm are needed")
        }
    }
}

/// Lines of standard input, read by a thread of its own. Its end stands for every order.
final class Orders: Sendable {
    private let lines: AsyncStream<String>

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        lines = stream
        Thread.detachNewThread {
            while let line = readLine() { continuation.yield(line) }
            continuation.finish()
        }
    }

    func wait(for order: String) async {
        for await line in lines where line == order { return }
    }
}
