import FoundationEssentials

/// A client's ear for events: a SUB to one endpoint, subscribed to heartbeats from the start. Owned by one
/// thread, which drains it at all times.
package struct EventSubscriber: ~Copyable {
    /// The topic of heartbeats: 16 bytes, all bits set.
    package static let heartbeats = [UInt8](repeating: 0xFF, count: EventPublisher.topicBytes)

    package private(set) var endpoint: String
    /// Messages that were not a topic of 16 bytes and a payload.
    package private(set) var malformed: Int64 = 0
    private let context: Context
    private let options: SocketOptions
    private var socket: Socket

    /// - Parameter options: the receive mark is what the client can afford to hold; the send mark is 0 in any
    ///   case, since subscriptions count against it.
    package init(in context: Context, endpoint: String, options: SocketOptions = SocketOptions()) throws(BusError) {
        var options = options
        options.sendMark = 0
        self.context = context
        self.endpoint = endpoint
        self.options = options
        socket = try Self.open(in: context, endpoint, options)
    }

    package var readable: PollItem { .readable(socket) }

    package func subscribe(_ topic: some ContiguousBytes) throws(BusError) { try socket.subscribe(topic) }
    package func unsubscribe(_ topic: some ContiguousBytes) throws(BusError) { try socket.unsubscribe(topic) }

    /// Hands over (topic, payload) of what waits, at most `max` messages. The topic's bytes are valid during
    /// the call.
    /// - Returns: how many were taken; fewer than `max`: no more are waiting.
    package mutating func receive(
        max: Int, _ handle: (UnsafeRawBufferPointer, borrowing Frame) -> Void
    ) throws(BusError) -> Int {
        var topic = Frame()
        var payload = Frame()
        for taken in 0..<Swift.max(0, max) {
            guard try socket.receive(into: &topic) else { return taken }
            guard topic.count == EventPublisher.topicBytes, topic.hasMore, try socket.receive(into: &payload),
                !payload.hasMore
            else {
                malformed += 1
                // After a payload with more behind it, the topic's frame serves to drop the rest.
                if topic.hasMore { try socket.dropRest(after: &topic) }
                continue
            }
            topic.withUnsafeBytes { handle($0, payload) }
        }
        return max
    }

    /// A new socket, to another endpoint if one is named. It is subscribed to heartbeats and nothing else.
    package mutating func replace(endpoint: String? = nil) throws(BusError) {
        let target = endpoint ?? self.endpoint
        socket = try Self.open(in: context, target, options)
        self.endpoint = target
    }

    private static func open(in context: Context, _ endpoint: String, _ options: SocketOptions) throws(BusError)
        -> Socket
    {
        let socket = try Socket(.sub, in: context, options: options)
        try socket.subscribe(heartbeats)
        try socket.connect(endpoint)
        return socket
    }
}
