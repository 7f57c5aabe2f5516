import FoundationEssentials

/// The broker's loudspeaker: a plain XPUB at one or more endpoints. Owned by one thread.
///
/// Publishing never waits: a subscriber that does not keep up loses messages at the send mark, and it alone.
package struct EventPublisher: ~Copyable {
    /// As resolved: with actual ports.
    package let endpoints: [String]
    /// Subscriptions and their ends, heard so far.
    package private(set) var subscriptions: Int64 = 0
    /// Frames from subscribers that were neither.
    package private(set) var malformed: Int64 = 0
    private let socket: Socket

    /// Subscribers send topics of 16 bytes and their introduction. libzmq keeps a tree node for every byte of
    /// a subscription, so that a long one costs many times its size.
    package static let maxFrameBytes = 1024
    package static let topicBytes = 16

    /// - Parameter options: the send mark counts; the largest frame is ``maxFrameBytes`` in any case.
    package init(in context: Context, endpoints: [String], options: SocketOptions) throws(BusError) {
        var options = options
        options.maxFrameBytes = Self.maxFrameBytes
        let socket = try Socket(.xpub, in: context, options: options)
        var resolved: [String] = []
        for endpoint in endpoints { resolved.append(try socket.bind(endpoint)) }
        self.endpoints = resolved
        self.socket = socket
    }

    package var readable: PollItem { .readable(socket) }

    /// Takes the subscriptions that wait (libzmq keeps them without bound until somebody does), at most `max`.
    /// - Returns: how many were taken; fewer than `max`: no more are waiting.
    package mutating func drainSubscriptions(max: Int = 1000) throws(BusError) -> Int {
        var frame = Frame()
        for taken in 0..<Swift.max(0, max) {
            guard try socket.receive(into: &frame) else { return taken }
            let isSubscription = !frame.hasMore && frame.withUnsafeBytes { ($0.first ?? 255) <= 1 }
            if isSubscription { subscriptions += 1 } else { malformed += 1 }
            try socket.dropRest(after: &frame)
        }
        return max
    }

    /// - Parameter topic: exactly 16 bytes, so that prefix matching cannot confuse two topics.
    package func publish(topic: some ContiguousBytes, _ payload: some ContiguousBytes) throws(BusError) {
        precondition(topic.withUnsafeBytes(\.count) == Self.topicBytes, "a topic has 16 bytes")
        _ = try socket.send(topic, more: true)
        _ = try socket.send(payload)
    }
}
