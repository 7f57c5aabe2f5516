import Foundation
import Membus
import Synchronization

/// What a read from the local cache costs; beside it, a Dictionary of the same records behind a Mutex.
enum CachedReads {
    static let benchmark = Benchmark(name: "reads", about: "cached reads", run: run)
    private static let keys = 10_000

    private static func run(_ setting: Setting) async throws -> [Row] {
        let data = try setting.directory("reads")
        defer { setting.drop(data) }
        let broker = try BrokerProcess(setting, data: data)
        defer { broker.stop() }
        let memory = try await Memory.connect(to: broker.endpoint, as: "reader", context: "benchmark")
        try await fill(memory)
        let view = try await memory.follow("bench/")
        let rows = try measure(view, setting)
        await memory.close()
        return rows
    }

    private static func key(_ number: Int) -> String { "bench/records/\(number % 100)/\(number)" }

    private static func fill(_ memory: Memory) async throws {
        let value = Data(repeating: UInt8(ascii: "v"), count: 512)
        for start in stride(from: 0, to: keys, by: 500) {
            let changes = (start..<start + 500).map { Change(Key(unchecked: key($0)), .put(Put(value))) }
            try await memory.submit(Transaction(changes: changes))
        }
    }

    private static func measure(_ view: View, _ setting: Setting) throws -> [Row] {
        let hot = key(4711)
        let handle = view.handle(hot)
        let peer = Peer(view: view, keys: (0..<keys).map(key))
        let order = (0..<1 << 16).map { _ in key(.random(in: 0..<keys)) }
        let handles = (0..<1 << 10).map { _ in view.handle(key(.random(in: 0..<keys))) }
        let count = setting.scaled(4_000_000)
        var (byKey, byHandle, byPeer) = (Samples(), Samples(), Samples())
        var (anyKey, anyHandle, anyPeer, pair) = (Samples(), Samples(), Samples(), Samples())
        // The kinds take turns, so that what else the machine does meets all of them.
        for _ in 0..<setting.rounds(11) {
            byKey.add(try each(count) { _ in try view[hot]?.revision ?? 0 })
            byHandle.add(try each(count) { _ in try handle.record()?.revision ?? 0 })
            byPeer.add(each(count) { _ in peer[hot]?.revision ?? 0 })
            anyKey.add(try each(count / 4) { try view[order[$0 & 0xFFFF]]?.revision ?? 0 })
            anyHandle.add(try each(count / 4) { try handles[$0 & 0x3FF].record()?.revision ?? 0 })
            anyPeer.add(each(count / 4) { peer[order[$0 & 0xFFFF]]?.revision ?? 0 })
            pair.add(
                try each(count / 4) { _ in
                    try view.read { (try $0[hot]?.revision ?? 0) &+ (try $0[key4712]?.revision ?? 0) }
                })
        }
        func row(_ what: String, _ samples: Samples, target: Double?, peer: Samples) -> Row {
            Row(
                measure: what, result: format(samples.median, "ns"), target: target.map { "≤ \(Int($0)) ns" } ?? "",
                spread: samples.spread("ns"),
                yardstick:
                    "Dictionary behind a Mutex \(format(peer.median, "ns")): ×\(format(samples.median / peer.median, ""))",
                isMet: target.map { samples.median <= $0 })
        }
        return [
            row("cached read of a hot key, `view[key]`", byKey, target: 100, peer: byPeer),
            row("the same by handle", byHandle, target: 40, peer: byPeer),
            row("cached read of any of 10,000 keys, `view[key]`", anyKey, target: nil, peer: anyPeer),
            row("the same by handle", anyHandle, target: nil, peer: anyPeer),
            row("two keys of one state, `view.read { … }`", pair, target: nil, peer: byPeer),
        ]
    }

    private static let key4712 = key(4712)

    /// Nanoseconds for each of `count` calls.
    @inline(__always)
    private static func each(_ count: Int, _ read: (Int) throws -> Int64) rethrows -> Double {
        var sum: Int64 = 0
        let taken = try processorTime { for index in 0..<count { sum &+= try read(index) } }
        consume(sum)
        return taken / Double(count)
    }

    /// What somebody who needs no coherence would write.
    private final class Peer: Sendable {
        private let records: Mutex<[String: Record]>

        init(view: View, keys: [String]) {
            var records: [String: Record] = [:]
            for key in keys { records[key] = (try? view[key]) ?? nil }
            self.records = Mutex(records)
        }
        subscript(key: String) -> Record? { records.withLock { $0[key] } }
    }
}
