import Foundation
import Membus

/// Forks, what differs between two states, merges, rollbacks and reverts, beside many commits that have nothing to do with it.
enum Diffing {
    static let benchmark = Benchmark(
        name: "diff", about: "forks, diffs, merges and undoing, in a small store and a large one", run: run)
    private static let keys = 1000
    private static let trial = BranchName(unchecked: "trial")

    private static func run(_ setting: Setting) async throws -> [Row] {
        let small = try await measure(setting, others: 1000)
        let large = try await measure(setting, others: setting.scaled(1_000_000))
        let others = grouped(Double(setting.scaled(1_000_000)))
        func beside(_ part: KeyPath<Figures, Samples>) -> String {
            let (before, now) = (small[keyPath: part].median, large[keyPath: part].median)
            return "1,000 others: \(format(before, "ms")): ×\(format(now / before, ""))"
        }
        return [
            Row(
                measure: "a fork, \(others) commits there", result: format(large.fork.median, "ms"), target: "≤ 1 ms",
                spread: large.fork.spread("ms"), yardstick: beside(\.fork), isMet: large.fork.median <= 1),
            Row(
                measure: "a diff of 1,000 keys, \(others) other commits between",
                result: format(large.diff.median, "ms"),
                target: "≤ 50 ms", spread: large.diff.spread("ms"), yardstick: beside(\.diff),
                isMet: large.diff.median <= 50),
            row("a merge of 1,000 keys, \(others) other commits between", large.merge, beside(\.merge)),
            row("a rollback of them", large.rollback, beside(\.rollback)),
            row("a revert of their 1,000 commits", large.revert, beside(\.revert)),
            Row(
                measure: "another writer's longest wait meanwhile", result: format(large.wait.median, "ms"),
                target: "≤ 25 ms", spread: large.wait.spread("ms"), yardstick: beside(\.wait),
                isMet: large.wait.median <= 25),
        ]
    }

    private static func row(_ measure: String, _ samples: Samples, _ yardstick: String) -> Row {
        Row(
            measure: measure, result: format(samples.median, "ms"), target: "≤ 50 ms", spread: samples.spread("ms"),
            yardstick: yardstick, isMet: samples.median <= 50)
    }

    private struct Figures {
        var fork = Samples()
        var diff = Samples()
        var merge = Samples()
        var rollback = Samples()
        var revert = Samples()
        /// Of each of them, the longest commit of somebody who commits all the time.
        var wait = Samples()
    }

    private static func measure(_ setting: Setting, others: Int) async throws -> Figures {
        let data = try setting.directory("diff")
        defer { setting.drop(data) }
        try fill(data, others: others)
        let broker = try BrokerProcess(setting, data: data)
        defer { broker.stop() }
        let memory = try await Memory.connect(to: broker.endpoint, as: "observer")
        var figures = Figures()
        for round in 0..<setting.rounds(21) {
            let start = Clock.nanoseconds
            _ = try await memory.fork(BranchName(unchecked: "fork-\(round)"))
            figures.fork.add(Double(Clock.nanoseconds - start) / 1e6)
        }
        // What the fork shows.
        let fork = StateName.branch(trial, at: Int64(keys / batch + 1))
        for _ in 0..<setting.rounds(9) {
            let start = Clock.nanoseconds
            let found = try await memory.diff(from: fork, to: .branch(trial)).collect().count
            figures.diff.add(Double(Clock.nanoseconds - start) / 1e6)
            guard found == keys else { throw Trouble("\(found) keys differ, not \(keys)") }
        }
        try await undo(&figures, memory, broker.endpoint, rounds: setting.rounds(5))
        await memory.close()
        return figures
    }

    /// Merges the thousand keys into a branch that has none of it, sets them back, and reverts their commits, while another
    /// agent writes.
    private static func undo(_ figures: inout Figures, _ memory: Memory, _ endpoint: String, rounds: Int) async throws {
        let other = try await Memory.connect(to: endpoint, as: "other")
        let since = Int64(keys / batch + 1)
        for round in 0..<rounds {
            let target = BranchName(unchecked: "target-\(round)")
            let before = try await memory.fork(target, at: since).revision
            func timed(_ samples: inout Samples, _ body: () async throws -> Void) async throws {
                let writing = Task { try await longestCommit(other) }
                let start = Clock.nanoseconds
                try await body()
                samples.add(Double(Clock.nanoseconds - start) / 1e6)
                writing.cancel()
                figures.wait.add(try await writing.value)
            }
            try await timed(&figures.merge) {
                let outcome = try await memory.merge(trial, into: target)
                guard case .merged(_, let report) = outcome, report.written == keys else {
                    throw Trouble("the merge came to \(outcome)")
                }
            }
            try await timed(&figures.rollback) {
                guard try await memory.rollback(to: before, on: target).isCommitted else {
                    throw Trouble("nothing was rolled back")
                }
            }
            let clean = BranchName(unchecked: "clean-\(round)")
            try await memory.fork(clean, from: trial)
            try await timed(&figures.revert) {
                let author = Authorship(agent: StoreFeed.agent, since: since)
                guard try await memory.revert(of: author, on: clean).isCommitted else {
                    throw Trouble("nothing was reverted")
                }
            }
        }
        await other.close()
    }

    /// In milliseconds, until it is called off.
    private static func longestCommit(_ memory: Memory) async throws -> Double {
        var longest = 0.0
        while !Task.isCancelled {
            let start = Clock.nanoseconds
            try await Task { _ = try await memory.transact { $0.put("elsewhere", text: "x") } }.value
            longest = max(longest, Double(Clock.nanoseconds - start) / 1e6)
        }
        return longest
    }

    private static let batch = 250

    /// A thousand keys, a branch, then on the branch a new version of each, and between those the other commits on main.
    private static func fill(_ data: String, others: Int) throws {
        let feed = try StoreFeed(directory: data)
        func put(_ key: String, _ value: String) -> Change { Change(Key(unchecked: key), .put(Put(Data(value.utf8)))) }
        for start in stride(from: 0, to: keys, by: batch) {
            try feed.write([(start..<start + batch).map { put("k/\($0)", "old") }])
        }
        try feed.write([.fork(Fork(name: trial))])
        let between = others / keys
        for key in 0..<keys {
            try feed.write([[put("k/\(key)", "new")]], on: trial)
            for start in stride(from: 0, to: between, by: batch) {
                try feed.write(
                    (start..<min(between, start + batch)).map { [put("other/\((key * between + $0) % 50_000)", "x")] })
            }
            if key % 50 == 0 { try feed.checkpoint() }
        }
    }
}
