import Testing

@testable import MembusModel

/// A test for each row of the table in the protocol's description of a view.
@Suite struct ViewsPhaseTests {
    @Test("a view starts stale, and registers when sockets are up") func starts() {
        var bench = ViewBench()
        #expect(bench.give(.tick).names == ["stale"])
        let outputs = bench.give(.connected)
        #expect(outputs.names == ["register"])
        #expect(outputs.registration?.newest == nil)
        #expect(bench.machine.phase == .register)
    }

    @Test("a registration's reply leads to subscribing, then probing") func registers() {
        var bench = ViewBench()
        let attempt = bench.give(.connected).registration?.attempt
        #expect(bench.registered(attempt).names == ["subscribe", "ping"])
        #expect(bench.machine.phase == .probe)
        #expect(bench.machine.stream == ViewBench.stream)
    }

    @Test("a registration answered with reset drops the state and tells the owner") func resets() {
        var bench = ViewBench(start: ViewBench.token(10))
        let attempt = bench.give(.connected).registration?.attempt
        let outputs = bench.registered(attempt, reset: true, lineage: Lineage(5))
        #expect(outputs.names == ["reset", "subscribe", "ping"])
        #expect(bench.machine.cut == nil)
        #expect(bench.machine.lineage == Lineage(5))
    }

    @Test("silence while probing means probing again, then a new socket") func probesAgain() {
        var bench = ViewBench()
        let nonce = bench.toProbe()
        _ = bench.give(.pong(nonce: nonce, clock: 0, visible: ViewBench.at(0), instance: ViewBench.broker))
        let outputs = bench.wait(.seconds(2))
        #expect(outputs.nonces.count == bench.machine.bounds.probeTries - 1)
        #expect(outputs.names.last == "replaceSocket")
        #expect(bench.machine.phase == .register)
        #expect(bench.give(.connected).has("register"))
    }

    @Test("probes that nobody answers lead back to registering, on the same socket") func probesNobody() {
        var bench = ViewBench()
        _ = bench.toProbe()
        let outputs = bench.wait(.milliseconds(2200))
        #expect(outputs.has("register") && !outputs.has("replaceSocket"))
    }

    @Test("the bookmark with the probe's nonce leads to pulling") func pulls() {
        var bench = ViewBench(start: ViewBench.token(10))
        let nonce = bench.toProbe()
        let pull = bench.bookmark(12, last: 11, nonce: nonce).pull
        #expect(pull?.from == ViewBench.token(10))
        #expect(pull?.atLeast == 12)
        #expect(bench.machine.phase == .pull)
    }

    @Test("pages are staged, and installed all at once with the last") func installs() {
        var bench = ViewBench()
        let attempt = bench.toPull()
        let next = bench.page(attempt, target: 10, last: false, records: [ViewBench.record("a", 3)]).pull
        #expect(next?.page != nil)
        #expect(bench.machine.cut == nil)
        let outputs = bench.page(next?.attempt, target: 10, records: [ViewBench.record("b", 4)])
        #expect(outputs.names == ["install", "live"])
        guard case .install(let records, ViewBench.at(10))? = outputs.first else {
            Issue.record("no install")
            return
        }
        #expect(records.map(\.key.text) == ["a", "b"])
    }

    @Test("what was held while pulling is applied in order after the install") func appliesHeld() {
        var bench = ViewBench()
        let attempt = bench.toPull()
        #expect(bench.event(9, previous: 8).isEmpty)
        #expect(bench.event(11, previous: 9).isEmpty)
        #expect(bench.event(12, previous: 11).isEmpty)
        #expect(bench.beat(14, last: 12).isEmpty)
        #expect(bench.page(attempt, target: 10).names == ["install", "apply", "apply", "advance", "live"])
        #expect(bench.machine.cut == ViewBench.at(14))
    }

    @Test("a hole in what was held leads to pulling again, with the rest still held") func pullsAgain() {
        var bench = ViewBench()
        let attempt = bench.toPull()
        _ = bench.event(13, previous: 12)
        let outputs = bench.page(attempt, target: 10)
        #expect(outputs.names == ["install", "pull"])
        #expect(outputs.pull?.atLeast == 13)
        #expect(bench.page(outputs.attempt, snapshot: false, base: 10, target: 13).names == ["catchUp", "live"])
    }

    @Test("a pull below the floor, or timed out, drops what is staged and is tried anew") func retriesPull() {
        for how in 0...1 {
            var bench = ViewBench()
            let attempt = bench.toPull()
            let second = bench.page(attempt, target: 10, last: false, records: [ViewBench.record("a", 3)]).attempt
            if how == 0 {
                _ = bench.give(.refused(Refusal(.belowFloor, "floor"), attempt: second, instance: ViewBench.broker))
            } else {
                _ = bench.wait(.milliseconds(1990))
                _ = bench.beat(0)
            }
            let outputs = bench.wait(.milliseconds(100))
            #expect(outputs.pull != nil && outputs.pull?.page == nil)
            guard case .install(let records, _)? = bench.page(outputs.pull?.attempt, target: 10).first else {
                Issue.record("no install")
                continue
            }
            #expect(records.isEmpty)
        }
    }

    @Test("a busy broker is asked for the same page again, after a pause") func retriesPage() {
        var bench = ViewBench()
        let second = bench.page(bench.toPull(), target: 10, last: false)
        let refused = bench.give(.refused(Refusal(.busy, "busy"), attempt: second.attempt, instance: ViewBench.broker))
        #expect(refused.isEmpty)
        #expect(bench.wait(.milliseconds(100)).pull?.page == second.pull?.page)
    }

    @Test("live: an event at or below the cut is dropped, the next in line is applied") func liveEvent() {
        var bench = ViewBench.live()
        #expect(bench.event(10, previous: 8).isEmpty)
        #expect(bench.event(11, previous: 9).names == ["apply"])
        #expect(bench.machine.cut == ViewBench.at(11))
    }

    @Test("live: a lost event is noticed by the next one, held, and pulled") func liveGap() {
        var bench = ViewBench.live()
        let outputs = bench.event(14, previous: 12)
        #expect(outputs.names == ["pull", "stale"])
        #expect(outputs.pull?.atLeast == 14)
        #expect(bench.page(outputs.attempt, snapshot: false, base: 10, target: 14).names == ["catchUp", "live"])
    }

    @Test("live: an announced event that is next in line is pulled") func liveAnnounced() {
        var bench = ViewBench.live()
        #expect(bench.event(12, previous: 10, announced: true).pull?.atLeast == 12)
    }

    @Test("live: a bookmark advances a complete view, and from the events' socket shows a loss") func liveBookmark() {
        var bench = ViewBench.live()
        #expect(bench.bookmark(10, last: 10).isEmpty)
        #expect(bench.bookmark(13, last: 10).names == ["advance"])
        #expect(bench.bookmark(15, last: 14).names == ["pull", "stale"])
    }

    @Test("live: a bookmark in a reply waits for the events' socket before it shows a loss") func liveReply() {
        var bench = ViewBench.live()
        #expect(bench.replied(13, last: 12).isEmpty)
        #expect(!bench.wait(.milliseconds(240)).has("pull"))
        #expect(bench.wait(.milliseconds(20)).has("pull"))

        bench = .live()
        _ = bench.replied(13, last: 12)
        _ = bench.event(12, previous: 10)
        #expect(!bench.wait(.milliseconds(300)).has("pull"))
    }

    @Test("live: a heartbeat advances a view whose stream is not listed, or not beyond the cut") func liveBeat() {
        var bench = ViewBench.live()
        #expect(bench.beat(12).names == ["advance"])
        #expect(bench.beat(13, last: 12).names == ["advance"])
        #expect(bench.beat(14, last: 40, alias: 8).names == ["advance"])
        #expect(bench.beat(11, last: 40).isEmpty)
        #expect(bench.beat(16, last: 15).names == ["pull", "stale"])
    }

    @Test("live: a heartbeat that starts above the cut says nothing: ping") func liveBeatAbove() {
        var bench = ViewBench.live()
        #expect(bench.beat(30, since: 20).names == ["ping"])
        #expect(bench.machine.cut == ViewBench.at(10))
    }

    @Test("live: a heartbeat of another generation is a reason to ping, and to learn the alias anew")
    func liveGeneration() {
        var bench = ViewBench.live()
        let outputs = bench.beat(12, generation: 10)
        #expect(outputs.has("ping") && bench.machine.cut == ViewBench.at(10))
        let renewed = bench.registered(outputs.registration?.attempt)
        #expect(renewed.isEmpty && bench.machine.phase == .live && !bench.machine.isStale)
    }

    @Test("live: heartbeats that stay in doubt for long lead to a pull") func liveDoubt() {
        var bench = ViewBench.live()
        var outputs: [ViewOutput] = []
        for _ in 0..<9 {
            outputs += bench.beat(30, since: 20) + bench.wait(.milliseconds(250))
        }
        #expect(outputs.has("pull") && bench.machine.isStale)
    }

    @Test("a message of another instance changes nothing but causes a ping; of another stream, nothing") func foreign()
    {
        var bench = ViewBench.live()
        #expect(bench.event(11, previous: 10, instance: Instance(2)).names == ["ping"])
        #expect(bench.event(11, previous: 10, stream: StreamID(high: 9, low: 9)).isEmpty)
        #expect(bench.machine.cut == ViewBench.at(10))
    }

    @Test("a reply of another instance, an unknown stream or another history leads to registering, state kept")
    func rejoins() {
        let inputs: [(ViewInput)] = [
            .instance(Instance(2)), .bookmark(nil, instance: ViewBench.broker),
            .bookmark(Bookmark(position: ViewBench.at(20), last: 10), instance: Instance(2)),
            .pong(nonce: 1, clock: 1, visible: ViewBench.at(1), instance: Instance(2)),
        ]
        for input in inputs {
            var bench = ViewBench.live()
            let outputs = bench.give(input)
            #expect(outputs.names == ["register", "stale"])
            #expect(outputs.registration?.newest == ViewBench.token(10))
            #expect(bench.machine.cut == ViewBench.at(10))
        }
        for code in [Refusal.Code.unknownStream, .historyDiffers] {
            var bench = ViewBench(start: ViewBench.token(10))
            let attempt = bench.toPull()
            let outputs = bench.give(.refused(Refusal(code, "no"), attempt: attempt, instance: ViewBench.broker))
            #expect(outputs.has("register") && bench.machine.cut == ViewBench.at(10))
        }
    }

    @Test("after 2 s of silence a view is stale and pings; a heartbeat makes it live again") func silence() {
        var bench = ViewBench.live()
        #expect(bench.wait(.milliseconds(1990)).isEmpty)
        let outputs = bench.wait(.milliseconds(20))
        #expect(outputs.names == ["ping", "stale"])
        #expect(bench.machine.isStale && bench.machine.phase == .live)
        #expect(bench.beat(11).names == ["advance", "live"])
    }

    @Test("a heartbeat in doubt does not end the staleness of a silence: pull") func silenceThenDoubt() {
        var bench = ViewBench.live()
        _ = bench.wait(.milliseconds(2100))
        let outputs = bench.beat(30, since: 20)
        #expect(outputs.pull?.atLeast == 30 && !outputs.has("live"))
        #expect(bench.machine.isStale)
    }

    @Test("pings answered in silence mean that the socket is deaf: a new one") func deaf() {
        var bench = ViewBench.live()
        let nonce = bench.wait(.milliseconds(2010)).nonces.first ?? 0
        _ = bench.give(.pong(nonce: nonce, clock: 1, visible: ViewBench.at(10), instance: ViewBench.broker))
        #expect(bench.wait(.milliseconds(300)).names == ["replaceSocket"])
        let outputs = bench.give(.connected)
        #expect(outputs.registration?.newest == ViewBench.token(10))
        #expect(bench.registered(outputs.attempt).has("subscribe"))
    }
}
