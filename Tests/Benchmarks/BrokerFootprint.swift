import Foundation
import Membus

/// How soon a broker serves and what memory it takes, with few records and with many.
enum BrokerFootprint {
    static let benchmark = Benchmark(name: "footprint", about: "start and memory, by number of records", run: run)

    private struct Figures {
        var records: Int
        var ready = Samples()
        var idle = Samples()
        var idleOwn = Samples()
        var afterReads = 0.0
        var afterWrites = 0.0
    }

    private static func run(_ setting: Setting) async throws -> [Row] {
        let few = try await figures(10_000, setting)
        let many = try await figures(setting.isQuick ? 100_000 : 1_000_000, setting)
        let bare = try processStart(setting)
        let count = "\(grouped(Double(many.records))) records"
        let growth = many.idle.median - few.idle.median
        return [
            Row(
                measure: "ready after start, \(count)", result: format(many.ready.median, "ms"), target: "≤ 100 ms",
                spread: many.ready.spread("ms"),
                yardstick:
                    "10,000 records \(format(few.ready.median, "ms")); `membus --version` \(format(bare.median, "ms"))",
                isMet: many.ready.median <= 100),
            Row(
                measure: "resident memory of an idle broker, \(count)", result: format(many.idle.median, "MiB"),
                target: "≤ 40 MB", spread: many.idle.spread("MiB"),
                yardstick: "its own pages \(format(many.idleOwn.median, "MiB")), the rest are libraries and programme",
                isMet: many.idle.median * 1.048576 <= 40),
            Row(
                measure: "growth from 10,000 to \(count), idle", result: format(growth, "MiB"),
                target: "none (< 2 MiB)",
                yardstick: "10,000 records \(format(few.idle.median, "MiB"))", isMet: growth < 2),
            Row(
                measure: "resident after 20,000 random reads, \(count)", result: format(many.afterReads, "MiB"),
                yardstick: "10,000 records \(format(few.afterReads, "MiB"))"),
            Row(
                measure: "resident after 3 s of 16 × 16 writes, \(count)", result: format(many.afterWrites, "MiB"),
                yardstick: "10,000 records \(format(few.afterWrites, "MiB"))"),
        ]
    }

    private static func key(_ number: Int) -> Key { Key(unchecked: "records/\(number % 1000)/\(number)") }

    private static func figures(_ count: Int, _ setting: Setting) async throws -> Figures {
        let data = try setting.directory("records-\(count)")
        defer { setting.drop(data) }
        note("  filling a store with \(grouped(Double(count))) records")
        try fill(data, count)
        var figures = Figures(records: count)
        for _ in 0..<setting.rounds(9) {
            let broker = try BrokerProcess(setting, data: data)
            figures.ready.add(broker.readyAfter)
            try await Task.sleep(for: .milliseconds(500))
            let memory = broker.memory
            figures.idle.add(memory.resident)
            figures.idleOwn.add(memory.own)
            broker.stop()
        }
        let broker = try BrokerProcess(setting, data: data)
        defer { broker.stop() }
        let memory = try await Memory.connect(to: broker.endpoint, as: "reader")
        for _ in 0..<200 {
            let keys = Set((0..<100).map { _ in key(.random(in: 0..<count)).text })
            let found = try await memory.get(Array(keys))
            guard found.records.count == keys.count else { throw Trouble("records are missing") }
        }
        figures.afterReads = broker.memory.resident
        _ = try WireLoad(endpoint: broker.endpoint, clients: 16, inFlight: 16).run(seconds: 3)
        try await Task.sleep(for: .seconds(1))
        figures.afterWrites = broker.memory.resident
        await memory.close()
        return figures
    }

    private static func fill(_ data: String, _ count: Int) throws {
        let feed = try StoreFeed(directory: data)
        let value = Data(repeating: UInt8(ascii: "v"), count: 256)
        for start in stride(from: 0, to: count, by: 10_000) {
            try feed.write(
                stride(from: start, to: min(start + 10_000, count), by: 1000).map { first in
                    (first..<min(first + 1000, count)).map { Change(key($0), .put(Put(value))) }
                })
            try feed.checkpoint()
        }
    }

    /// What starting the programme takes by itself, in milliseconds.
    private static func processStart(_ setting: Setting) throws -> Samples {
        var samples = Samples()
        for _ in 0..<setting.rounds(9) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: setting.membus)
            process.arguments = ["--version"]
            process.standardOutput = FileHandle.nullDevice
            samples.add(
                try time {
                    try process.run()
                    process.waitUntilExit()
                } / 1e6)
        }
        return samples
    }
}
