import Foundation
import Membus

/// One client that waits for each commit; beside it, what no durable commit can do without: one fdatasync of
/// 4 KiB on the same disk, and one round trip between two sockets.
enum WaitingCommit {
    static let benchmark = Benchmark(name: "commit", about: "one waiting client's commit", run: run)

    private static func run(_ setting: Setting) async throws -> [Row] {
        let data = try setting.directory("commit")
        defer { setting.drop(data) }
        let broker = try BrokerProcess(setting, data: data)
        defer { broker.stop() }
        let memory = try await Memory.connect(to: broker.endpoint, as: "writer", context: "benchmark")
        let wire = try WireClient(endpoint: broker.endpoint, name: "wire")
        let disk = try SyncYardstick(path: data + "/yardstick")
        let echo = try Echo()
        let raw = try RawStore(path: data + "/raw.db")
        let count = setting.scaled(500)
        var (syncs, trips, raws, commits, wires, ratios, wireRatios) = (
            Samples(), Samples(), Samples(), Samples(), Samples(), Samples(), Samples()
        )
        var all = Samples()
        for _ in 0..<setting.rounds(11) {
            let sync = try Self.median(count) { try disk.sync() }
            let trip = try Self.median(count) { try echo.roundTrip(bytes: 512) }
            let byRaw = try Self.median(count) { try raw.write(count: 1) }
            raw.checkpoint()
            let byWire = try Self.median(count) { try wire.commit() }
            var round = Samples()
            for number in 0..<count {
                let change = Change(Key(unchecked: "commit/\(number)"), .put(Put(Data(repeating: 120, count: 512))))
                let start = Clock.nanoseconds
                try await memory.submit(Transaction(changes: [change]))
                round.add(Double(Clock.nanoseconds - start) / 1000)
            }
            for value in round.values { all.add(value) }
            syncs.add(sync)
            trips.add(trip)
            raws.add(byRaw)
            commits.add(round.median)
            wires.add(byWire)
            ratios.add(round.median / (sync + trip))
            wireRatios.add(byWire / (sync + trip))
        }
        let status = try await memory.status().figures
        await memory.close()
        func micros(_ duration: Duration) -> String { format(Double(duration.wholeNanoseconds) / 1000, "µs") }
        let floor = "fdatasync \(format(syncs.median, "µs")) + round trip \(format(trips.median, "µs"))"
        return [
            Row(
                measure: "a waiting client's commit of 512 B, `memory.submit`", result: format(commits.median, "µs"),
                target: "≤ 1.5 × (fdatasync + round trip)", spread: commits.spread("µs"),
                yardstick: "\(floor): ×\(format(ratios.median, ""))", isMet: ratios.median <= 1.5),
            Row(
                measure: "the same, speaking the wire directly", result: format(wires.median, "µs"),
                spread: wires.spread("µs"),
                yardstick:
                    "\(floor): ×\(format(wireRatios.median, "")); within the broker \(micros(status.commitMedian)), "
                    + "\(micros(status.syncMedian)) of it COMMIT"),
            Row(
                measure: "raw SQLite's COMMIT of two rows, without socket or thread", result: format(raws.median, "µs"),
                spread: raws.spread("µs"),
                yardstick:
                    "with the round trip ×\(format((raws.median + trips.median) / (syncs.median + trips.median), ""))"),
            Row(measure: "the 99th percentile of all waiting commits", result: format(all.share(0.99), "µs")),
        ]
    }

    /// In microseconds.
    private static func median(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
        var samples = Samples()
        for _ in 0..<count { samples.add(try time(body) / 1000) }
        return samples.median
    }
}

/// Writes 4 KiB and syncs them, over and over through a file that has its size already, as a write-ahead log
/// does once it is as long as it gets.
private final class SyncYardstick {
    private static let pages: Int64 = 1024
    private let descriptor: CInt
    private var next: Int64 = 0
    private let page = [UInt8](repeating: 0x5A, count: 4096)

    init(path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Trouble("\(path) can't be made") }
        for number in 0..<Self.pages { _ = pwrite(descriptor, page, page.count, off_t(number * 4096)) }
        fsync(descriptor)
    }
    deinit { close(descriptor) }

    func sync() throws {
        guard pwrite(descriptor, page, page.count, off_t(next * 4096)) == page.count, fdatasync(descriptor) == 0 else {
            throw Trouble("the disk failed the yardstick")
        }
        next = (next + 1) % Self.pages
    }
}
