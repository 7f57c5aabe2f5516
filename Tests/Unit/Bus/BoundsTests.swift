import Testing

@testable import MembusBus

@Suite struct BoundsTests {
    @Test("events travel whole up to three quarters of a bound, are announced up to it, and are left out beyond")
    func events() {
        var bounds = EventBounds()
        bounds.streamBytes = 4000
        bounds.wholeBytes = 40_000
        #expect(bounds.room(stream: 0, whole: 0, for: 3000 - EventBounds.overhead) == .whole)
        #expect(bounds.room(stream: 0, whole: 0, for: 3001 - EventBounds.overhead) == .announcement)
        #expect(bounds.room(stream: 3000, whole: 3000, for: 1) == .announcement)
        #expect(bounds.room(stream: 3999, whole: 3999, for: 1) == .announcement)
        #expect(bounds.room(stream: 4000, whole: 4000, for: 1) == .nothing)
        #expect(bounds.room(stream: 0, whole: 30_000, for: 1) == .announcement)
        #expect(bounds.room(stream: 0, whole: 40_000, for: 1) == .nothing)
    }

    @Test("who has more subscriptions than one may have is named, once")
    func onePeer() {
        var bounds = SubscriptionBounds()
        bounds.peer = 3
        var counts = SubscriptionCounts(bounds)
        for _ in 1...3 { #expect(counts.count(isSubscription: true, from: peer(1), isThere: all) == nil) }
        #expect(counts.count(isSubscription: false, from: peer(1), isThere: all) == nil)
        #expect(counts.count(isSubscription: true, from: peer(1), isThere: all) == nil)
        #expect(counts.count(isSubscription: true, from: peer(2), isThere: all) == nil)
        #expect(counts.count(isSubscription: true, from: peer(1), isThere: all) == peer(1))
        #expect(counts.total == 1)
        #expect(counts.count(isSubscription: true, from: peer(1), isThere: all) == nil)
        let (most, then) = (counts.takeMost(), counts.takeMost())
        #expect((most, then) == (5, 2))
    }

    @Test("beyond what all may have it is who has the most, of those that are there")
    func allPeers() {
        var bounds = SubscriptionBounds()
        bounds.whole = 10
        var counts = SubscriptionCounts(bounds)
        for (number, count) in [(1, 5), (2, 3), (3, 2)] {
            for _ in 1...count { #expect(counts.count(isSubscription: true, from: peer(number), isThere: all) == nil) }
        }
        // One is gone: there is room again.
        #expect(counts.count(isSubscription: true, from: peer(2), isThere: { $0 != peer(3) }) == nil)
        #expect(counts.total == 9)
        #expect(counts.count(isSubscription: true, from: peer(2), isThere: all) == nil)
        #expect(
            counts.count(isSubscription: true, from: peer(4), isThere: all).map { [peer(1), peer(2)].contains($0) }
                == true)
        #expect(counts.total == 6)
    }

    @Test("the ends of what was not counted are not counted either, and peers that are gone are forgotten")
    func ends() {
        var counts = SubscriptionCounts(SubscriptionBounds())
        #expect(counts.count(isSubscription: false, from: peer(1), isThere: all) == nil)
        #expect(counts.total == 0)
        for number in 1...1000 {
            _ = counts.count(isSubscription: true, from: peer(number), isThere: { $0.number > 990 })
        }
        #expect(counts.total < 200)
        counts.sweep { _ in false }
        #expect(counts.total == 0)
    }

    private func peer(_ number: Int) -> Subscriber { Subscriber(descriptor: Int32(number), number: UInt64(number)) }
    private func all(_: Subscriber) -> Bool { true }
}
