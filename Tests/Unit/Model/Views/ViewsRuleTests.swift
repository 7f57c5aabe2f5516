import Testing

@testable import MembusModel

/// Points where looser rules lost updates or brought old states back.
@Suite struct ViewsRuleTests {
    @Test("a broker's clock that leaps as far as numbers go proves nothing, and traps nowhere") func leapingClock() {
        var freshness = FreshnessProofs()
        let sent = Instant(nanoseconds: 1_000)
        freshness.sent(1, at: sent)
        _ = freshness.answered(1, clock: .min, visible: 3, now: sent + .seconds(1))
        freshness.stamped(.max, visible: 4, now: sent + .seconds(2))
        freshness.reached(4)
        #expect(freshness.asOf == sent)
    }

    @Test("the reply to an older registration cannot reset") func newestRegistration() {
        var bench = ViewBench(start: ViewBench.token(10))
        let old = bench.give(.connected).registration?.attempt
        let new = bench.give(.connected).registration?.attempt
        #expect(bench.registered(old, reset: true).isEmpty)
        #expect(bench.machine.cut == ViewBench.at(10))
        #expect(bench.registered(new).has("subscribe"))
    }

    @Test("a registration names the newest token known, and is sent again if one was learned meanwhile")
    func grownMeanwhile() {
        var bench = ViewBench(start: ViewBench.token(10))
        _ = bench.give(.learned(ViewBench.token(12)))
        let first = bench.give(.connected).registration
        #expect(first?.newest == ViewBench.token(12))
        _ = bench.give(.learned(ViewBench.token(15)))
        let outputs = bench.registered(first?.attempt, reset: true)
        #expect(outputs.names == ["register"])
        #expect(outputs.registration?.newest == ViewBench.token(15))
        #expect(bench.machine.cut == ViewBench.at(10))
    }

    @Test("a steady flow of acknowledgements does not keep a view from joining") func flow() {
        var bench = ViewBench(start: ViewBench.token(10))
        var attempt = bench.give(.connected).registration?.attempt
        for revision in 11..<100 {
            _ = bench.give(.learned(ViewBench.token(Revision(revision))))
            attempt = bench.registered(attempt).registration?.attempt
        }
        #expect(bench.machine.phase == .probe)
    }

    @Test("another lineage resets even if the reply forgets to say so") func otherLineage() {
        var bench = ViewBench(start: ViewBench.token(10))
        let attempt = bench.give(.connected).registration?.attempt
        #expect(bench.registered(attempt, lineage: Lineage(9)).has("reset"))
    }

    @Test("nothing is held before the probe's own nonce came back on the events' socket") func holdsNothing() {
        var bench = ViewBench()
        let nonce = bench.toProbe()
        _ = bench.event(9, previous: 8)
        _ = bench.event(12, previous: 9)
        #expect(bench.bookmark(12, last: 12, nonce: nonce &+ 1).isEmpty)
        #expect(bench.machine.phase == .probe)
        #expect(bench.replied(12, last: 12).isEmpty)
        let pull = bench.bookmark(12, last: 12, nonce: nonce).pull
        #expect(pull?.atLeast == 12)
        #expect(bench.page(pull?.attempt, target: 12).names == ["install", "live"])
    }

    @Test("the held list is bounded by count and bytes; dropping costs a pull, never a change") func heldBound() {
        var bounds = ViewMachine.Bounds()
        bounds.heldEvents = 3
        var bench = ViewBench(bounds: bounds)
        let attempt = bench.toPull()
        for revision in Revision(1)...8 { _ = bench.event(revision, previous: revision - 1) }
        let outputs = bench.page(attempt, target: 3)
        #expect(outputs.names == ["install", "pull"])
        #expect(outputs.pull?.atLeast == 8)

        var held = Held()
        bounds.heldEvents = 100
        bounds.heldBytes = 500
        let event = Event(position: ViewBench.at(1), previous: 0, records: [ViewBench.record("k", 1)])
        for _ in 0..<50 { held.append(.event(event), within: bounds) }
        #expect(held.count == 2)
    }

    @Test("a page that was not asked for last is ignored") func otherAttempt() {
        var bench = ViewBench()
        let attempt = bench.toPull()
        let second = bench.page(attempt, target: 10, last: false)
        #expect(bench.page(attempt, target: 10).isEmpty)
        #expect(bench.page(second.attempt, target: 10).has("install"))
    }

    @Test("a page of another target or base breaks the pull; of another instance, the registration") func otherPull() {
        var bench = ViewBench()
        var second = bench.page(bench.toPull(), target: 10, last: false)
        #expect(bench.page(second.attempt, target: 11).isEmpty)
        #expect(bench.machine.cut == nil)
        #expect(bench.wait(.milliseconds(100)).pull?.page == nil)

        bench = ViewBench(start: ViewBench.token(10))
        second = bench.page(bench.toPull(), snapshot: false, base: 10, target: 12, last: false)
        #expect(bench.page(second.attempt, snapshot: false, base: 9, target: 12).isEmpty)

        bench = ViewBench()
        let attempt = bench.toPull()
        #expect(bench.page(attempt, target: 10, instance: Instance(2)).has("register"))
    }

    @Test("a pull that leads back, or starts above the cut, is not installed") func backwards() {
        var bench = ViewBench(start: ViewBench.token(10))
        #expect(bench.page(bench.toPull(), target: 9).isEmpty)
        bench = ViewBench(start: ViewBench.token(10))
        #expect(bench.page(bench.toPull(), snapshot: false, base: 11, target: 14).isEmpty)
        #expect(bench.machine.cut == ViewBench.at(10))
    }

    @Test("a pull that finds nothing newer makes a complete view live") func nothingNewer() {
        var bench = ViewBench(start: ViewBench.token(10))
        #expect(bench.page(bench.toPull(), snapshot: false, base: 10, target: 10).names == ["live"])
        bench = ViewBench(start: ViewBench.token(10))
        #expect(bench.page(bench.toPull(), target: 10).names == ["live"])
    }

    @Test("a pull that does not reach the highest revision seen is not installed") func atLeast() {
        var bench = ViewBench()
        let nonce = bench.toProbe()
        _ = bench.event(20, previous: 19)
        let attempt = bench.bookmark(20, last: 20, nonce: nonce).pull?.attempt
        #expect(bench.page(attempt, target: 15).isEmpty)
        #expect(bench.machine.cut == nil)
    }

    @Test("a state of the cut's revision with another hash is another history") func otherHash() {
        var bench = ViewBench(start: Token(lineage: ViewBench.lineage, position: Position(revision: 10, hash: 1)))
        #expect(bench.page(bench.toPull(), target: 10).has("register"))
        #expect(bench.machine.cut?.hash == 1)
    }

    @Test("a learned state beyond the cut is asked about, then pulled") func learned() {
        var bench = ViewBench.live()
        #expect(bench.give(.learned(ViewBench.token(9))).isEmpty)
        #expect(bench.give(.learned(ViewBench.token(12, Lineage(8)))).isEmpty)
        #expect(bench.give(.learned(ViewBench.token(12))).isEmpty)
        #expect(bench.wait(.milliseconds(30)).names == ["ping"])
        #expect(bench.wait(.milliseconds(230)).pull?.atLeast == 12)
    }

    @Test("a token that the broker never reaches ends in a registration that names it") func bogusToken() {
        var bench = ViewBench.live()
        _ = bench.give(.learned(ViewBench.token(1000)))
        var outputs = bench.wait(.milliseconds(300))
        for _ in 0..<20 where bench.machine.phase == .pull {
            let failure = Refusal(.notYetVisible, "not yet")
            outputs = bench.give(.refused(failure, attempt: outputs.pull?.attempt ?? 0, instance: ViewBench.broker))
            _ = bench.beat(10)
            if bench.machine.phase == .pull {
                bench.now = bench.machine.wakeAt
                outputs = bench.give(.tick)
            }
        }
        #expect(outputs.registration?.newest == ViewBench.token(1000))
    }

    @Test("an unknown branch or a refused filter fails for good; a busy broker is asked again") func refused() {
        for code in [Refusal.Code.unknownBranch, .invalidName, .invalidArgument, .limitExceeded] {
            var bench = ViewBench()
            let attempt = bench.give(.connected).registration?.attempt ?? 0
            #expect(
                bench.give(.refused(Refusal(code, "no"), attempt: attempt, instance: ViewBench.broker)).has("failed"))
            #expect(bench.wait(.seconds(5)).isEmpty)
        }
        var bench = ViewBench()
        let attempt = bench.give(.connected).registration?.attempt ?? 0
        #expect(bench.give(.refused(Refusal(.busy, "busy"), attempt: attempt, instance: ViewBench.broker)).isEmpty)
        #expect(bench.wait(.milliseconds(100)).has("register"))
    }

    @Test("a ping proves freshness as of its sending, once the cut has reached its reply's revision") func freshness() {
        var bench = ViewBench.live()
        let before = bench.machine.freshAsOf
        _ = bench.give(.learned(ViewBench.token(14)))
        let nonce = bench.wait(.milliseconds(20)).nonces.first ?? 0
        let sent = bench.now
        bench.now = bench.now + .milliseconds(30)
        #expect(
            bench.give(.pong(nonce: nonce, clock: 5_000, visible: ViewBench.at(14), instance: ViewBench.broker)).isEmpty
        )
        #expect(bench.machine.freshAsOf == before)
        #expect(bench.event(14, previous: 10).names == ["apply", "fresh"])
        #expect(bench.machine.freshAsOf == sent)
        bench.now = bench.now + .milliseconds(400)
        _ = bench.beat(14, clock: 5_000 + 100_000_000)
        #expect(bench.machine.freshAsOf == sent + .milliseconds(100))
    }

    @Test("what another instance answers proves nothing") func freshnessOfAnother() {
        var bench = ViewBench.live()
        let before = bench.machine.freshAsOf
        let nonce = bench.beat(30, since: 20).nonces.first ?? 0
        _ = bench.give(.pong(nonce: nonce, clock: 1, visible: ViewBench.at(3), instance: Instance(4)))
        #expect(bench.machine.freshAsOf == before)
    }

    @Test("subscriptions are made once per socket and taken back when the stream is another") func subscriptions() {
        var bench = ViewBench.live()
        var attempt = bench.give(.instance(Instance(2))).registration?.attempt
        #expect(bench.registered(attempt, instance: Instance(2)).names == ["ping"])
        attempt =
            bench.give(.bookmark(nil, instance: Instance(2))).registration?.attempt
            ?? bench.wait(.milliseconds(200)).registration?.attempt
        let outputs = bench.registered(attempt, stream: StreamID(high: 4, low: 4), instance: Instance(2))
        #expect(outputs.names == ["unsubscribe", "subscribe", "ping"])
    }

    @Test("ten thousand held events cost no time to hold") func holdsFast() {
        var bench = ViewBench()
        let attempt = bench.toPull()
        let start = ContinuousClock.now
        for revision in Revision(1)...9_990 { _ = bench.event(revision, previous: revision - 1) }
        #expect(ContinuousClock.now - start < .seconds(3))
        #expect(bench.page(attempt, target: 0).names.count == 9_992)
    }
}
