import FoundationEssentials

/// The broker's loudspeaker: a plain XPUB at one or more endpoints. Owned by one thread.
///
/// Publishing never waits: a subscriber that does not keep up loses messages at the send mark, and it alone. What waits
/// is counted in bytes, too: ask for ``room(for:_:)`` before an event is sent.
package struct EventPublisher: ~Copyable {
    /// As resolved: with actual ports.
    package let endpoints: [String]
    /// Subscriptions and their ends, heard so far, of each subscriber.
    package private(set) var subscriptions: Int64 = 0
    /// Frames from subscribers that were neither.
    package private(set) var malformed: Int64 = 0
    /// Subscribers that were disconnected, since they, or all together, had too many subscriptions.
    package private(set) var disconnected: Int64 = 0
    private var held: SubscriptionCounts
    private let socket: Socket
    private let bounds: EventBounds
    /// What waits of each topic; those of which nothing does need no entry.
    private var accounts: [Topic: Account] = [:]
    private let whole = Account()
    private var sweepAt = 64

    /// Subscribers send topics of 16 bytes and their introduction. libzmq keeps a tree node for every byte of
    /// a subscription, so that a long one costs many times its size.
    package static let maxFrameBytes = 1024
    package static let topicBytes = 16

    /// - Parameter options: the send mark counts; the largest frame is ``maxFrameBytes`` in any case.
    package init(
        in context: Context, endpoints: [String], options: SocketOptions,
        bounds: EventBounds = EventBounds(),
        subscriptions: SubscriptionBounds = SubscriptionBounds()
    ) throws(BusError) {
        var options = options
        options.maxFrameBytes = Self.maxFrameBytes
        let socket = try Socket(.xpub, in: context, options: options)
        var resolved: [String] = []
        for endpoint in endpoints { resolved.append(try socket.bind(endpoint)) }
        self.endpoints = resolved
        self.socket = socket
        self.bounds = bounds
        held = SubscriptionCounts(subscriptions)
    }

    package var readable: PollItem { .readable(socket) }

    /// Takes the subscriptions that wait (libzmq keeps them without bound until somebody does), at most `max`.
    /// - Returns: how many were taken; fewer than `max`: no more are waiting.
    package mutating func drainSubscriptions(max: Int = 1000) throws(BusError) -> Int {
        var frame = Frame()
        for taken in 0..<Swift.max(0, max) {
            guard try socket.receive(into: &frame) else { return taken }
            let isSubscription = !frame.hasMore && frame.withUnsafeBytes { ($0.first ?? 255) <= 1 }
            if isSubscription {
                subscriptions += 1
                count(frame)
            } else {
                malformed += 1
            }
            try socket.dropRest(after: &frame)
        }
        return max
    }

    /// libzmq tells of the end of a connection's subscriptions, too; those messages name nobody.
    private mutating func count(_ frame: borrowing Frame) {
        guard let subscriber = frame.descriptor.flatMap({ Subscriber(at: $0) }) else { return }
        let isSubscription = frame.withUnsafeBytes { $0.first == 1 }
        guard
            let excessive = held.count(
                isSubscription: isSubscription, from: subscriber, isThere: \.isThere)
        else {
            return
        }
        excessive.disconnect()
        disconnected += 1
    }

    /// What subscriptions occupy, and the most that they did since this was last asked, in bytes.
    package mutating func takeSubscriptionBytes() -> (now: Int, most: Int) {
        (held.total * SubscriptionBounds.bytes, held.takeMost() * SubscriptionBounds.bytes)
    }

    /// As of the last look.
    package var hasSubscribers: Bool { held.total > 0 }
    /// Looks which subscribers are gone.
    package mutating func sweepSubscriptions() { held.sweep(\.isThere) }

    /// Bytes that were published, and that some subscriber has not taken yet.
    package var bytesWaiting: Int { whole.bytes }

    /// How much may be sent of an event of `count` bytes.
    package func room(for topic: some ContiguousBytes, _ count: Int) -> EventRoom {
        bounds.room(stream: accounts[Topic(topic)]?.bytes ?? 0, whole: whole.bytes, for: count)
    }

    /// - Parameter topic: exactly 16 bytes, so that prefix matching cannot confuse two topics.
    package mutating func publish(topic: some ContiguousBytes, _ payload: some ContiguousBytes) throws(BusError) {
        let account = account(of: Topic(topic))
        _ = try socket.send(topic, more: true)
        _ = try socket.send(payload, chargedTo: account, besides: EventBounds.overhead)
    }

    private mutating func account(of topic: Topic) -> Account {
        if let account = accounts[topic] { return account }
        if accounts.count >= sweepAt {
            accounts = accounts.filter { $0.value.bytes > 0 }
            sweepAt = 64 + accounts.count * 2
        }
        let account = Account(within: whole)
        accounts[topic] = account
        return account
    }

    private struct Topic: Hashable {
        private let high: UInt64
        private let low: UInt64

        init(_ bytes: some ContiguousBytes) {
            (high, low) = bytes.withUnsafeBytes { bytes in
                precondition(bytes.count == EventPublisher.topicBytes, "a topic has 16 bytes")
                return (
                    bytes.loadUnaligned(as: UInt64.self),
                    bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
                )
            }
        }
    }
}
