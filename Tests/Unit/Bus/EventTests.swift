import Foundation
import Testing

@testable import MembusBus

@Suite(.serialized) struct EventTests {
    let context: Context
    init() throws { context = try Context() }

    @Test(
        "a subscriber hears heartbeats and its own topics, no others", arguments: ["tcp://127.0.0.1:*", ipcEndpoint()])
    func topics(endpoint: String) throws {
        var publisher = try EventPublisher(in: context, endpoints: [endpoint], options: quick())
        var subscriber = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
        var neighbour = topic(1)
        neighbour[15] = 2
        try subscriber.subscribe(topic(1))
        try publisher.awaitSubscriptions(2)
        try publisher.publish(topic: neighbour, [0])
        try publisher.publish(topic: topic(1), [1])
        try publisher.publish(topic: topic(2), [2])
        try publisher.publish(topic: EventSubscriber.heartbeats, Data([3]))
        let events = try subscriber.events(2)
        #expect(events.map(\.payload) == [[1], [3]])
        #expect(events.map(\.topic) == [topic(1), EventSubscriber.heartbeats])
        try subscriber.unsubscribe(topic(1))
        try publisher.awaitSubscriptions(3)
        try publisher.publish(topic: topic(1), [4])
        try publisher.publish(topic: EventSubscriber.heartbeats, [5])
        #expect(try subscriber.events(1).map(\.payload) == [[5]])
    }

    @Test("a replaced socket is subscribed to heartbeats only")
    func replaced() throws {
        var publisher = try EventPublisher(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        var subscriber = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
        try subscriber.subscribe(topic(1))
        try publisher.awaitSubscriptions(2)
        try subscriber.replace()
        try eventually {
            try publisher.publish(topic: topic(1), [1])
            try publisher.publish(topic: EventSubscriber.heartbeats, [2])
            _ = try publisher.drainSubscriptions()
            let events = (try? subscriber.events(1, within: .milliseconds(50))) ?? []
            #expect(!events.contains { $0.payload == [1] })
            return events.isEmpty ? nil : ()
        }
    }

    @Test("a subscriber that is gone costs the publisher and the others nothing")
    func lostSubscriber() throws {
        var publisher = try EventPublisher(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        var stays = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
        try stays.subscribe(topic(1))
        try publisher.awaitSubscriptions(2)
        do {
            let leaves = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
            try leaves.subscribe(topic(2))
            try publisher.awaitSubscriptions(4)
        }
        try publisher.awaitSubscriptions(6)
        for index in 0..<10 { try publisher.publish(topic: topic(1), [UInt8(index)]) }
        #expect(try stays.events(10).map { $0.payload[0] } == Array(0..<10))
    }

    @Test("a subscriber that does not drain loses messages, and publishing never waits")
    func slowSubscriber() throws {
        var options = quick()
        options.sendMark = 10
        var publisher = try EventPublisher(in: context, endpoints: ["tcp://127.0.0.1:*"], options: options)
        var slowOptions = quick()
        slowOptions.receiveMark = 10
        var slow = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: slowOptions)
        try publisher.awaitSubscriptions(1)
        let payload = [UInt8](repeating: 0, count: 64 << 10)
        for _ in 0..<1000 { try publisher.publish(topic: EventSubscriber.heartbeats, payload) }
        var count = 0
        while let more = try? slow.events(1, within: .milliseconds(300)).count { count += more }
        #expect(count > 0 && count < 1000)
        try publisher.publish(topic: EventSubscriber.heartbeats, [1])
        #expect(try slow.events(1).last?.payload == [1])
    }

    @Test("a subscriber hears again after the publisher was bound anew")
    func rebind() throws {
        var publisher = try EventPublisher(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        let endpoint = publisher.endpoints[0]
        var subscriber = try EventSubscriber(in: context, endpoint: endpoint, options: quick())
        try subscriber.subscribe(topic(1))
        try publisher.awaitSubscriptions(2)
        publisher = try EventPublisher(in: context, endpoints: [ipcEndpoint()], options: quick())
        publisher = try eventually { try? EventPublisher(in: context, endpoints: [endpoint], options: quick()) }
        // libzmq subscribes again from the subscriber's thread, while that looks for messages.
        try eventually {
            #expect((try? subscriber.events(1, within: .milliseconds(10))) == nil)
            _ = try publisher.drainSubscriptions()
            return publisher.subscriptions == 2 ? () : nil
        }
        try publisher.publish(topic: topic(1), [7])
        #expect(try subscriber.events(1).map(\.payload) == [[7]])
    }

    @Test("messages that are no event are dropped and counted")
    func malformedEvents() throws {
        let publisher = try Socket(.xpub, in: context, options: quick())
        let endpoint = try publisher.bind("tcp://127.0.0.1:*")
        var subscriber = try EventSubscriber(in: context, endpoint: endpoint, options: quick())
        _ = try eventually { try publisher.receiveMessage() }
        let beats = EventSubscriber.heartbeats
        for frames in [[beats], [beats + [1], [1]], [beats, [1], [2], [3]], [beats, [8]]] {
            _ = try publisher.send(frames: frames)
        }
        #expect(try subscriber.events(1).map(\.payload) == [[8]])
        #expect(subscriber.malformed == 3)
    }

    @Test("frames that are no subscription are counted, and a giant one disconnects its sender")
    func malformedSubscriptions() throws {
        var publisher = try EventPublisher(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        var good = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
        let giant = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
        try giant.subscribe([UInt8](repeating: 9, count: 5000))
        try publisher.awaitSubscriptions(1)
        try publisher.publish(topic: EventSubscriber.heartbeats, [1])
        #expect(try good.events(1).map(\.payload) == [[1]])
    }

    @Test("20,000 subscriptions of one subscriber all register")
    func manySubscriptions() throws {
        var publisher = try EventPublisher(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        var subscriber = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
        for index in 0..<20_000 {
            try subscriber.subscribe([UInt8(index >> 8), UInt8(index & 255)] + [UInt8](repeating: 7, count: 14))
        }
        try publisher.awaitSubscriptions(20_001)
        try publisher.publish(topic: [UInt8(19_999 >> 8), UInt8(19_999 & 255)] + [UInt8](repeating: 7, count: 14), [1])
        #expect(try subscriber.events(1).count == 1)
    }

    // MARK: Bounds

    @Test("what waits for subscribers that do not read is counted until they take it, or are gone")
    func waiting() throws {
        var bounds = EventBounds()
        bounds.streamBytes = 16 << 20
        var publisher = try EventPublisher(
            in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick(), bounds: bounds)
        let payload = [UInt8](repeating: 7, count: 1 << 20)
        // Nobody listens: nothing waits.
        try publisher.publish(topic: topic(1), payload)
        #expect(publisher.bytesWaiting == 0)
        do {
            var deafOptions = quick()
            deafOptions.receiveMark = 1
            let deaf = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: deafOptions)
            try deaf.subscribe(topic(1))
            try publisher.awaitSubscriptions(2)
            var sent = 0
            while publisher.room(for: topic(1), payload.count) == .whole, sent < 200 {
                try publisher.publish(topic: topic(1), payload)
                sent += 1
            }
            #expect(sent < 200)
            #expect(publisher.bytesWaiting > 8 << 20 && publisher.bytesWaiting <= 12 << 20)
            // There is room for announcements, and for other streams.
            #expect(publisher.room(for: topic(1), payload.count) == .announcement)
            #expect(publisher.room(for: topic(2), payload.count) == .whole)
            _ = consume deaf
        }
        try eventually {
            _ = try publisher.drainSubscriptions()
            return publisher.bytesWaiting == 0 ? () : nil
        }
        #expect(publisher.room(for: topic(1), payload.count) == .whole)
    }

    @Test("a subscriber with more subscriptions than it may have is disconnected, and the others are not")
    func subscriptionBounds() throws {
        var subscriptions = SubscriptionBounds()
        subscriptions.peer = 100
        var publisher = try EventPublisher(
            in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick(), subscriptions: subscriptions)
        var good = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
        for index in 0..<90 { try good.subscribe(topic(UInt8(index))) }
        try publisher.awaitSubscriptions(91)
        do {
            let greedy = try EventSubscriber(in: context, endpoint: publisher.endpoints[0], options: quick())
            for index in 0..<150 { try greedy.subscribe(topic(UInt8(index))) }
            try eventually {
                _ = try publisher.drainSubscriptions()
                return publisher.disconnected > 0 ? () : nil
            }
            _ = consume greedy
        }
        try publisher.publish(topic: topic(89), [1])
        #expect(try good.events(1).map(\.payload) == [[1]])
        try eventually {
            _ = try publisher.drainSubscriptions()
            publisher.sweepSubscriptions()
            return publisher.takeSubscriptionBytes().now == 91 * SubscriptionBounds.bytes ? () : nil
        }
    }
}
