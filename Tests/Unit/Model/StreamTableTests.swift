import Foundation
import MembusModel
import Testing

/// A table at V = 100 with readable ids: stream n has id 0…n.
struct Table {
    var streams: StreamTable
    let lineage = Lineage(1)
    private var drawn: UInt64 = 0
    var now = Instant(nanoseconds: 0)

    init(options: StreamTable.Options = .init(), visible: Revision = 100) {
        streams = StreamTable(
            instance: Instance(9), generation: 1, visible: Position(revision: visible, hash: UInt64(visible)),
            options: options)
    }

    mutating func register(
        _ filter: TopicFilter, branch: BranchName = .main, mode: StreamMode = .update, newest: Token? = nil,
        knownHash: UInt64? = nil
    ) throws -> Registered {
        drawn += 1
        return try streams.register(
            Register(branch: branch, filter: filter, mode: mode, newest: newest), lineage: lineage,
            knownHash: knownHash, drawnID: StreamID(high: 0, low: drawn), now: now)
    }

    /// Publishes the next commit: hash = revision.
    @discardableResult
    mutating func publish(_ keys: String..., branch: BranchName = .main, bytes: Int = 1) -> [Published] {
        publish(keys, branch: branch, bytes: bytes)
    }
    @discardableResult
    mutating func publish(_ keys: [String], branch: BranchName = .main, bytes: Int = 1) -> [Published] {
        let revision = streams.visible.revision + 1
        let records = keys.enumerated().map {
            text($1, String(repeating: "x", count: bytes), at: revision, ordinal: UInt32($0))
        }
        return streams.publish(
            Commit(info: info(revision, hash: UInt64(revision), branch: branch), records: records), inlineLimit: 1000)
    }

    mutating func heartbeat() -> Heartbeat {
        guard case .heartbeat(let beat) = streams.heartbeat(now: now).content else {
            preconditionFailure("no heartbeat")
        }
        return beat
    }
}

extension Published {
    var event: Event? { if case .event(let event) = content { event } else { nil } }
}

@Suite("Streams: one serial order")
struct StreamTableTests {
    func token(_ revision: Revision, hash: UInt64? = nil, lineage: UInt64 = 1) -> Token {
        Token(lineage: Lineage(lineage), position: Position(revision: revision, hash: hash ?? UInt64(revision)))
    }

    // MARK: Registering

    @Test("equal branch, topics and mode share a stream; anything else has its own")
    func sharing() throws {
        var table = Table()
        let first = try table.register(topics("a/", "b"))
        #expect(try table.register(topics("b", "a/", "a/x")).stream == first.stream)
        #expect(try table.register(topics("a/")).stream != first.stream)
        #expect(try table.register(topics("a/", "b"), mode: .invalidate).stream != first.stream)
        #expect(try table.register(topics("a/", "b"), branch: BranchName(unchecked: "idea")).stream != first.stream)
        #expect(table.streams.count == 4)
    }

    @Test(
        "a slash that a mark makes part of another character still ends a prefix",
        arguments: ["a/\u{301}b", "a\u{600}/b"])
    func marksBesideSlashes(key: String) throws {
        var table = Table()
        let end = try #require(key.utf8.firstIndex(of: UInt8(ascii: "/")))
        let prefix = try Topic(String(Substring(key.utf8[...end])))
        _ = try table.register(TopicFilter([prefix]))
        #expect(prefix.matches(try Key(key)))
        #expect(table.publish(key).count == 1)
    }

    @Test("branches whose names look alike are two")
    func branchBytes() throws {
        var table = Table()
        let composed = try table.register(.everything, branch: BranchName(unchecked: "\u{e9}"))
        let decomposed = try table.register(.everything, branch: BranchName(unchecked: "e\u{301}"))
        #expect(composed.stream != decomposed.stream)
        #expect(table.publish("k", branch: BranchName(unchecked: "\u{e9}")).map(\.topic) == [composed.stream])
    }

    @Test("a new stream's last is V, and it counts as changed")
    func newStream() throws {
        var table = Table()
        table.publish("other")
        let registered = try table.register(topics("a"))
        #expect(table.streams.bookmark(for: registered.stream)?.last == 101)
        #expect(table.heartbeat().changed == [Heartbeat.Entry(alias: registered.alias, last: 101)])
        table.publish("a")
        #expect(table.publish("a").first?.event?.previous == 102)
    }

    @Test(
        "a state of this history is not reset",
        arguments: [
            (Revision(50), UInt64(50), UInt64?(50)), (100, 100, nil), (0, 0, nil),
        ])
    func noReset(revision: Revision, hash: UInt64, known: UInt64?) throws {
        var table = Table()
        #expect(try table.register(topics("a"), newest: token(revision, hash: hash), knownHash: known).reset == false)
    }

    @Test("another lineage, a revision beyond V, another hash and one that can't be verified reset")
    func reset() throws {
        var table = Table()
        #expect(try table.register(topics("a")).reset == false)
        #expect(try table.register(topics("a"), newest: token(50, lineage: 2), knownHash: 50).reset)
        #expect(try table.register(topics("a"), newest: token(101), knownHash: 101).reset)
        #expect(try table.register(topics("a"), newest: token(50, hash: 51), knownHash: 50).reset)
        #expect(try table.register(topics("a"), newest: token(100, hash: 51), knownHash: nil).reset)
        #expect(try table.register(topics("a"), newest: token(50), knownHash: nil).reset)
        #expect(try table.register(topics("a"), newest: token(0, hash: 1), knownHash: nil).reset)
    }

    @Test("filters that exceed the table's memory are refused, known ones are not")
    func capacity() throws {
        var options = StreamTable.Options()
        options.memoryBytes = 2500
        var table = Table(options: options)
        _ = try table.register(topics("a"))
        _ = try table.register(topics("b"))
        #expect { try table.register(topics("c")) } throws: { ($0 as? Refusal)?.code == .busy }
        _ = try table.register(topics("a"))
        table.now = Instant(nanoseconds: 60_000_000_000)
        #expect(table.streams.dropUnnamed(now: table.now, drawn: 2) == 2)
        #expect(table.streams.footprint == 0)
        _ = try table.register(topics("c"))
    }

    @Test("once most streams have gone, what is left is as it was: ids, aliases, order and what each is told")
    func shrinking() throws {
        var table = Table()
        var kept: [(name: String, registered: Registered)] = []
        for number in 0..<1000 {
            let name = "k\(number)"
            let registered = try table.register(topics(name, number % 2 == 0 ? "both" : "c/"))
            if number % 100 == 7 || number % 100 == 44 { kept.append((name, registered)) }
        }
        table.publish("k944")
        table.now = Instant(nanoseconds: 50_000_000_000)
        table.streams.touch(kept.map { $0.registered.stream }, now: table.now)
        table.now = Instant(nanoseconds: 60_000_000_000)
        #expect(table.streams.dropUnnamed(now: table.now, drawn: 77) == 980)
        #expect(table.streams.count == 20)
        // In the order of registration, each with its own last.
        let even = kept.filter { $0.name.hasSuffix("44") }.map { $0.registered.stream }
        #expect(table.publish("both").map(\.topic) == even)
        let odd = kept.filter { $0.name.hasSuffix("07") || $0.name == "k7" }.map { $0.registered.stream }
        #expect(table.publish("c/x").map(\.topic) == odd)
        for (name, registered) in kept {
            #expect(table.publish(name).map(\.topic) == [registered.stream])
            let again = try table.register(topics(name, even.contains(registered.stream) ? "both" : "c/"))
            #expect(again.stream == registered.stream && again.alias == registered.alias)
        }
        let fresh = try table.register(topics("fresh"))
        #expect(!kept.contains { $0.registered.stream == fresh.stream || $0.registered.alias == fresh.alias })
        #expect(table.publish("fresh").map(\.topic) == [fresh.stream])
    }

    // MARK: Publishing

    @Test("an event holds what the filter matches, in order, and names the stream's last before it")
    func event() throws {
        var table = Table()
        let stream = try table.register(topics("a/", "c")).stream
        table.publish("b")
        let published = table.publish("c", "b", "a/x", "ab", "a/y/z", "c/d")
        #expect(published.map(\.topic) == [stream] && published[0].instance == Instance(9))
        let event = try #require(published[0].event)
        #expect(event.position == Position(revision: 102, hash: 102) && event.previous == 100)
        #expect(event.records.map(\.key.text) == ["c", "a/x", "a/y/z"])
        #expect(event.records.map(\.ordinal) == [0, 2, 4] && !event.isAnnounced)
    }

    @Test("a and ab are never confused, neither are keys and prefixes")
    func confusion() throws {
        var table = Table()
        let exact = try table.register(topics("a")).stream
        let prefix = try table.register(topics("a/")).stream
        let all = try table.register(.everything).stream
        #expect(table.publish("a").map(\.topic) == [exact, all])
        #expect(table.publish("ab").map(\.topic) == [all])
        #expect(table.publish("a/b").map(\.topic) == [prefix, all])
        #expect(table.publish("ab/c").map(\.topic) == [all])
    }

    @Test("a commit on another branch, or without changes, only raises V")
    func raisesV() throws {
        var table = Table()
        let stream = try table.register(.everything).stream
        #expect(table.publish("a", branch: BranchName(unchecked: "idea")).isEmpty)
        #expect(table.publish([]).isEmpty)
        #expect(
            table.streams.bookmark(for: stream) == Bookmark(position: Position(revision: 102, hash: 102), last: 100))
    }

    @Test("update streams carry values up to the inline limit, invalidate streams none")
    func modes() throws {
        var table = Table()
        _ = try table.register(.everything)
        _ = try table.register(.everything, mode: .invalidate)
        func contents(_ bytes: Int) -> [Record.Value?] {
            table.publish("k", bytes: bytes).map { $0.event?.records.first?.content }
        }
        #expect(contents(1000) == [.inline(Data(repeating: 120, count: 1000)), .announced(size: 1000)])
        #expect(contents(1001) == [.announced(size: 1001), .announced(size: 1001)])
        let deletion = Record.deletion(of: key("k"), revision: 103)
        let events = table.streams.publish(Commit(info: info(103), records: [deletion]), inlineLimit: 10)
        #expect(events.compactMap(\.event?.records) == [[deletion], [deletion]])
    }

    @Test("an event over the limit is announced without records, for the streams that it is too large for")
    func announced() throws {
        var table = Table()
        _ = try table.register(.everything)
        _ = try table.register(topics("k0"))
        _ = try table.register(topics("k0", "k1"))
        let events = table.publish((0..<100).map { "k\($0)" }, bytes: 900).compactMap(\.event)
        #expect(events.map(\.isAnnounced) == [true, false, false])
        #expect(events.map(\.records.count) == [0, 1, 2])
        #expect(events.map(\.previous) == [100, 100, 100])
        #expect(table.streams.counters.eventsPublished == 3 && table.streams.counters.eventsAnnounced == 1)
        #expect(table.publish("k0").first?.event?.previous == 101)
    }

    @Test("messages come in the order of registration, also when slots are reused")
    func order() throws {
        var table = Table()
        let first = try (0..<50).map { try table.register(topics("t\($0)/", "x")).stream }
        table.now = Instant(nanoseconds: 30_000_000_000)
        table.streams.touch(first.enumerated().filter { $0.offset % 3 != 0 }.map(\.element), now: table.now)
        table.now = Instant(nanoseconds: 60_000_000_000)
        #expect(table.streams.dropUnnamed(now: table.now, drawn: 2) == 17)
        let second = try (0..<20).map { try table.register(topics("u\($0)/", "x", "y")).stream }
        let expected = first.enumerated().filter { $0.offset % 3 != 0 }.map(\.element) + second
        #expect(table.publish("x").map(\.topic) == expected)
        #expect(table.publish("y", "t1/a", "x").map(\.topic) == expected)
    }

    // MARK: Bookmarks and heartbeats

    @Test("bookmarks and heartbeats never run ahead of published events")
    func never() throws {
        var table = Table()
        let stream = try table.register(topics("a")).stream
        for _ in 0..<5 {
            let event = try #require(table.publish("a").first?.event)
            #expect(table.streams.visible == event.position)
            #expect(
                table.streams.bookmark(for: stream, nonce: 7)
                    == Bookmark(position: event.position, last: event.revision, nonce: 7))
            #expect(table.heartbeat().position == event.position)
        }
        #expect(table.streams.bookmark(for: StreamID(high: 1, low: 1)) == nil)
        #expect(table.streams.publishedBookmark(for: StreamID(high: 1, low: 1), nonce: 1) == nil)
        #expect(table.streams.publishedBookmark(for: stream, nonce: 1)?.topic == stream)
    }

    @Test("a heartbeat lists what changed since V of four beats ago, with the clock")
    func listed() throws {
        var table = Table()
        let a = try table.register(topics("a"))
        let b = try table.register(topics("b"))
        table.publish("a")
        table.now = Instant(nanoseconds: 250)
        let beats = (0..<6).map { index in
            table.publish(index == 1 ? "b" : "other")
            return table.heartbeat()
        }
        #expect(beats.map(\.since) == [100, 100, 100, 100, 102, 103])
        #expect(beats[0].changed == [.init(alias: a.alias, last: 101)])
        #expect(beats[3].changed == [.init(alias: a.alias, last: 101), .init(alias: b.alias, last: 103)])
        #expect(beats[4].changed == [.init(alias: b.alias, last: 103)])
        #expect(beats[5].changed.isEmpty)
        #expect(beats[5].clock == 250 && beats[5].generation == 1)
    }

    @Test("a list that gets long raises S instead, and stays complete above it")
    func raisedS() throws {
        var options = StreamTable.Options()
        options.mostListed = 3
        var table = Table(options: options)
        for index in 0..<5 { _ = try table.register(topics("\(index)")) }
        for index in 0..<5 { table.publish("\(index)") }
        let beat = table.heartbeat()
        #expect(beat.since == 102)
        #expect(beat.changed.map(\.last) == [103, 104, 105])
        table.publish("0", "1", "2", "3")
        let flood = table.heartbeat()
        #expect(flood.since == 106 && flood.changed.isEmpty)
    }

    @Test("dropping streams draws a new generation; what is named lives")
    func dropping() throws {
        var table = Table()
        let kept = try table.register(topics("a"))
        let gone = try table.register(topics("b"))
        table.now = Instant(nanoseconds: 10_000_000_000)
        table.streams.touch([kept.stream, StreamID(high: 7, low: 7)], now: table.now)
        #expect(table.streams.dropUnnamed(now: Instant(nanoseconds: 59_999_999_999), drawn: 2) == 0)
        #expect(table.streams.generation == 1)
        #expect(table.streams.dropUnnamed(now: Instant(nanoseconds: 60_000_000_000), drawn: 1) == 1)
        #expect(table.streams.generation == 2 && table.streams.counters.streamsDropped == 1)
        #expect(table.streams.bookmark(for: gone.stream) == nil && table.streams.definition(of: gone.stream) == nil)
        #expect(table.streams.definition(of: kept.stream)?.filter == topics("a"))
        #expect(table.publish("a", "b").map(\.topic) == [kept.stream])
        #expect(table.heartbeat().generation == 2)
        let again = try table.register(topics("b"))
        #expect(again.stream != gone.stream && again.alias != gone.alias && again.generation == 2)
        #expect(try table.register(topics("a")).alias == kept.alias)
    }
}
