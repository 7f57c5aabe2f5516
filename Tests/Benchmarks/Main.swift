import Foundation

// membus-benchmarks [--quick] [names…]: what Membus promises about speed and memory, measured on this machine.
//
// Each figure stands beside a yardstick from the same run, so that a slow disk or a busy machine is seen for
// what it is. The broker is the real `membus serve`, a process of its own; it is found beside this program or
// under MEMBUS_BINARY. Everything is written below a temporary directory: set TMPDIR to measure another disk.

@main
enum Main {
    static let benchmarks: [Benchmark] = [
        CachedReads.benchmark, WaitingCommit.benchmark, Throughput.benchmark, CommitThread.benchmark,
        BrokerFootprint.benchmark, Diffing.benchmark, Branching.benchmark, Kernels.benchmark,
    ]

    static func main() async {
        var names = Array(CommandLine.arguments.dropFirst())
        let isQuick = names.contains("--quick")
        names.removeAll { $0 == "--quick" }
        let known = benchmarks.map(\.name)
        if let stranger = names.first(where: { !known.contains($0) }) {
            complain(
                "\"\(stranger)\" is no benchmark; there are: \(known.joined(separator: " ")), and the option --quick")
            exit(64)
        }
        do {
            try await run(benchmarks.filter { names.isEmpty || names.contains($0.name) }, isQuick)
        } catch {
            complain("\(error)")
            exit(1)
        }
    }

    private static func run(_ chosen: [Benchmark], _ isQuick: Bool) async throws {
        let setting = try Setting(isQuick: isQuick)
        defer { setting.cleanUp() }
        var table = Table()
        for benchmark in chosen {
            note("\(benchmark.name): \(benchmark.about) (load \(Machine.load))")
            let rows = try await benchmark.run(setting)
            for row in rows { note("  \(row)") }
            table.rows += rows
        }
        print(Machine.description)
        print()
        print(table.markdown)
    }
}

struct Benchmark: Sendable {
    var name: String
    var about: String
    var run: @Sendable (Setting) async throws -> [Row]
}

/// To people who wait; the table alone goes to standard output.
func note(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
func complain(_ line: String) { note("membus-benchmarks: " + line) }

struct Trouble: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
