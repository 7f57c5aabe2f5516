import Foundation
import MembusModel
import Testing

@Suite("Streams: random histories")
struct StreamTableRandomTests {
    /// A view as simple as can be: it loses events and heartbeats, and knows by the rules alone whether it
    /// may move its cut.
    struct Follower {
        var registered: Registered
        var filter: TopicFilter
        var mode: StreamMode
        var cut: Revision
        /// The matching revisions that it has applied or pulled.
        var seen: Set<Revision> = []
    }

    static let keys = ["a", "ab", "a/b", "a/b/c", "a/bc", "b", "b/a", "c/d/e/f"]
    static let topicNames = ["/", "a", "a/", "a/b", "a/b/", "ab", "b/", "c/", "c/d/e/", "d"]

    @Test("every stream gets exactly what its filter matches, and no bookmark or heartbeat hides a loss")
    func histories() throws {
        let seed = drawSeed()
        for round in 0..<40 {
            var numbers = SeededRandom(seed: seed &+ UInt64(round))
            try history(&numbers, "seed \(seed), round \(round)")
        }
    }

    private func history(_ numbers: inout SeededRandom, _ name: String) throws {
        var options = StreamTable.Options()
        options.mostListed = Int.random(in: 1...6, using: &numbers)
        var table = Table(options: options, visible: 0)
        var truth: [Commit] = []
        var followers: [Follower] = []
        for _ in 0..<300 {
            table.now = table.now + .milliseconds(Int.random(in: 0...3_000, using: &numbers))
            switch Int.random(in: 0..<20, using: &numbers) {
            case 0 where followers.count < 12:
                followers.append(try join(&table, &numbers, truth))
            case 1: beat(&table, &followers, &numbers, truth, name)
            case 2, 3:
                for index in followers.indices where Bool.random(using: &numbers) {
                    table.streams.touch([followers[index].registered.stream], now: table.now)
                    pull(&followers[index], &table, truth)
                }
            case 4: _ = table.streams.dropUnnamed(now: table.now, drawn: numbers.next())
            default: publish(&table, &followers, &numbers, &truth, name)
            }
        }
    }

    private func join(_ table: inout Table, _ numbers: inout SeededRandom, _ truth: [Commit]) throws -> Follower {
        let filter = TopicFilter(
            (0..<Int.random(in: 1...4, using: &numbers)).map { _ in
                Topic(unchecked: Self.topicNames.randomElement(using: &numbers) ?? "/")
            })
        let mode: StreamMode = Bool.random(using: &numbers) ? .update : .invalidate
        var follower = Follower(registered: try table.register(filter, mode: mode), filter: filter, mode: mode, cut: 0)
        // Some start from an old state, as a warm file would.
        follower.cut = Revision.random(in: 0...table.streams.visible.revision, using: &numbers)
        follower.seen = matching(truth, follower.filter, upTo: follower.cut)
        return follower
    }

    private func matching(_ truth: [Commit], _ filter: TopicFilter, upTo revision: Revision) -> Set<Revision> {
        Set(
            truth.filter { $0.info.revision <= revision && $0.records.contains { filter.matches($0.key) } }.map(
                \.info.revision))
    }

    private func publish(
        _ table: inout Table, _ followers: inout [Follower], _ numbers: inout SeededRandom, _ truth: inout [Commit],
        _ name: String
    ) {
        let revision = table.streams.visible.revision + 1
        let keys = Set(
            (0..<Int.random(in: 0...4, using: &numbers)).map { _ in Self.keys.randomElement(using: &numbers) ?? "a" }
        ).sorted()
        let commit = Commit(
            info: info(revision, hash: UInt64(revision)),
            records: keys.enumerated().map { text($1, at: revision, ordinal: UInt32($0)) })
        let published = table.streams.publish(commit, inlineLimit: 100)
        truth.append(commit)
        #expect(Set(published.map(\.topic)).count == published.count, "\(name): one event for each stream")
        for index in followers.indices {
            let follower = followers[index]
            guard table.streams.definition(of: follower.registered.stream) != nil else { continue }
            let expected = commit.records.filter { follower.filter.matches($0.key) }
            let event = published.first { $0.topic == follower.registered.stream }?.event
            #expect(
                event?.records.map(\.key) ?? [] == expected.map(\.key), "\(name): \(follower.filter) at \(revision)")
            guard let event, Bool.random(using: &numbers) else { continue }
            if event.previous <= follower.cut {
                followers[index].cut = event.revision
                followers[index].seen.insert(event.revision)
                check(followers[index], truth, "\(name): event")
            }
        }
    }

    private func beat(
        _ table: inout Table, _ followers: inout [Follower], _ numbers: inout SeededRandom, _ truth: [Commit],
        _ name: String
    ) {
        let beat = table.heartbeat()
        for index in followers.indices where Int.random(in: 0..<3, using: &numbers) > 0 {
            let follower = followers[index]
            guard beat.generation == follower.registered.generation, follower.cut >= beat.since else { continue }
            let last = beat.changed.first { $0.alias == follower.registered.alias }?.last
            if last.map({ $0 <= follower.cut }) ?? true, beat.position.revision > follower.cut {
                followers[index].cut = beat.position.revision
                check(followers[index], truth, "\(name): heartbeat")
            }
        }
    }

    /// By bookmark if that is enough, else by a pull; registers anew where the stream is gone.
    private func pull(_ follower: inout Follower, _ table: inout Table, _ truth: [Commit]) {
        guard let bookmark = table.streams.bookmark(for: follower.registered.stream) else {
            if let registered = try? table.register(follower.filter, mode: follower.mode) {
                follower.registered = registered
            }
            return
        }
        if bookmark.last > follower.cut {
            follower.seen = matching(truth, follower.filter, upTo: bookmark.position.revision)
        }
        follower.cut = bookmark.position.revision
        check(follower, truth, "bookmark")
    }

    private func check(_ follower: Follower, _ truth: [Commit], _ name: String) {
        #expect(
            follower.seen == matching(truth, follower.filter, upTo: follower.cut),
            "\(name): \(follower.filter) at cut \(follower.cut)")
    }

    @Test("matching takes no longer for ten thousand streams than for those that match")
    func manyStreams() throws {
        var table = Table()
        for index in 0..<10_000 { _ = try table.register(topics("agents/\(index)/", "people/\(index)")) }
        let clock = ContinuousClock()
        let time = clock.measure {
            for index in 0..<1_000 { #expect(table.publish("agents/\(index)/plan/day").count == 1) }
        }
        // Unoptimised and on a busy machine; looking at each stream would take far longer still.
        #expect(time < .seconds(5), "\(time)")
    }
}
