import Foundation
import Membus

/// What branches cost: a fork beside one other and beside ten thousand, the list of them, and reads through the depth of a
/// line or behind many versions.
enum Branching {
    static let benchmark = Benchmark(
        name: "branches", about: "forks beside many branches, their list, and reads of deep ones", run: run)
    private static let depth = 8
    private static let versions = 1000

    private static func run(_ setting: Setting) async throws -> [Row] {
        let few = try await forks(setting, branches: 1)
        let count = setting.scaled(10_000)
        let many = try await forks(setting, branches: count)
        let reads = try await reads(setting)
        let ratio = many.fork.median / few.fork.median
        func read(_ what: String, _ samples: Samples) -> Row {
            let ratio = samples.median / reads.head.median
            return Row(
                measure: what, result: format(samples.median, "µs"), target: "≤ 2 × main's head",
                spread: samples.spread("µs"),
                yardstick: "main's head: \(format(reads.head.median, "µs")): ×\(format(ratio, ""))", isMet: ratio <= 2)
        }
        return [
            Row(
                measure: "a fork, \(grouped(Double(count))) branches there", result: format(many.fork.median, "ms"),
                target: "≤ 1.2 × beside one", spread: many.fork.spread("ms"),
                yardstick: "beside one: \(format(few.fork.median, "ms")): ×\(format(ratio, ""))", isMet: ratio <= 1.2),
            Row(
                measure: "the list of \(grouped(Double(count))) branches, with figures",
                result: format(many.list.median, "ms"), target: "≤ 1,000 ms", spread: many.list.spread("ms"),
                yardstick: "of two: \(format(few.list.median, "ms"))", isMet: many.list.median <= 1000),
            read("a read at depth \(depth)", reads.deep),
            read("a read behind \(grouped(Double(versions))) versions", reads.old),
        ]
    }

    private static func forks(_ setting: Setting, branches: Int) async throws -> (fork: Samples, list: Samples) {
        let data = try setting.directory("branches")
        defer { setting.drop(data) }
        try fill(data, branches: branches)
        let broker = try BrokerProcess(setting, data: data)
        defer { broker.stop() }
        let memory = try await Memory.connect(to: broker.endpoint, as: "observer")
        var (fork, list) = (Samples(), Samples())
        for round in 0..<setting.rounds(101) {
            let start = Clock.nanoseconds
            _ = try await memory.fork(BranchName(unchecked: "fork-\(round)"))
            fork.add(Double(Clock.nanoseconds - start) / 1e6)
        }
        for _ in 0..<setting.rounds(9) {
            let start = Clock.nanoseconds
            let found = try await memory.branches(withFigures: true).count
            list.add(Double(Clock.nanoseconds - start) / 1e6)
            guard found > branches else { throw Trouble("\(found) branches are listed, of \(branches)") }
        }
        await memory.close()
        return (fork, list)
    }

    /// The store is let go of at the end: a broker is to have it.
    private static func fill(_ data: String, branches: Int) throws {
        let feed = try StoreFeed(directory: data)
        try feed.write([[put("a", "1")]])
        for number in 0..<branches {
            try feed.write([.fork(Fork(name: BranchName(unchecked: "branch-\(number)")))])
            if number % 10 == 0 { try feed.write([[put("k/\(number % 100)", "x")]]) }
            if number % 500 == 0 { try feed.checkpoint() }
        }
    }

    /// - Returns: the deepest branch.
    private static func fill(_ data: String, keys: Int) throws -> BranchName {
        let feed = try StoreFeed(directory: data)
        for start in stride(from: 0, to: keys, by: 250) {
            try feed.write([(start..<start + 250).map { put("k/\($0)", "value") }])
        }
        var branch = BranchName.main
        for level in 1...depth {
            let child = BranchName(unchecked: "level-\(level)")
            try feed.write([.fork(Fork(name: child, parent: branch))])
            try feed.write([[put("own/\(level)", "x")]], on: child)
            branch = child
        }
        for number in 0..<versions { try feed.write([[put("busy", "\(number)")]]) }
        try feed.checkpoint()
        return branch
    }

    private static func reads(_ setting: Setting) async throws -> (head: Samples, deep: Samples, old: Samples) {
        let data = try setting.directory("depths")
        defer { setting.drop(data) }
        let keys = 10_000
        let deepest = try fill(data, keys: keys)
        let first = Int64(keys / 250 + 2 * depth + 1)
        let broker = try BrokerProcess(setting, data: data)
        defer { broker.stop() }
        let memory = try await Memory.connect(to: broker.endpoint, as: "observer")
        func timed(_ body: (Int) async throws -> Record?) async throws -> Samples {
            var samples = Samples()
            for round in 0..<setting.rounds(2001) {
                let start = Clock.nanoseconds
                guard try await body(round) != nil else { throw Trouble("a record is missing") }
                samples.add(Double(Clock.nanoseconds - start) / 1e3)
            }
            return samples
        }
        let head = try await timed { try await memory.get("k/\($0 * 7 % keys)") }
        let deep = try await timed { try await memory.get("k/\($0 * 7 % keys)", branch: deepest) }
        let old = try await timed { _ in try await memory.get("busy", at: first) }
        await memory.close()
        return (head, deep, old)
    }

    private static func put(_ key: String, _ value: String) -> Change {
        Change(Key(unchecked: key), .put(Put(Data(value.utf8))))
    }
}
