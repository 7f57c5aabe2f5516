import FoundationEssentials

/// A client's door for requests: a DEALER to one endpoint, with many requests under way. Owned by one thread.
package struct RequestClient: ~Copyable {
    /// Whether an empty frame stands before each body, as a REQ has it. The broker takes both.
    package enum Framing: Hashable, Sendable { case bare, delimited }

    package private(set) var endpoint: String
    /// Replies of a wrong shape.
    package private(set) var malformed: Int64 = 0
    private let context: Context
    private let framing: Framing
    private let options: SocketOptions
    private var socket: Socket

    package init(
        in context: Context, endpoint: String, framing: Framing = .bare, options: SocketOptions = SocketOptions()
    ) throws(BusError) {
        self.context = context
        self.endpoint = endpoint
        self.framing = framing
        self.options = options
        if case .tcp(let host, _)? = try? Address(endpoint) {
            try host.requireInterface(endpoint, "connect to")
        }
        socket = try Self.open(in: context, endpoint, options)
    }

    package var readable: PollItem { .readable(socket) }
    package var writable: PollItem { .writable(socket) }

    /// Queues a request, also while the connection is down (unless the options say `immediate`).
    package func send(_ body: some ContiguousBytes) throws(BusError) -> Sent {
        if framing == .delimited {
            let sent = try socket.send([UInt8](), more: true)
            if sent != .sent { return sent }
        }
        return try socket.send(body)
    }

    /// Hands over the replies that wait, at most `max` messages.
    /// - Returns: how many were taken; fewer than `max`: no more are waiting.
    package mutating func receive(max: Int, _ handle: (borrowing Frame) -> Void) throws(BusError) -> Int {
        var frame = Frame()
        for taken in 0..<Swift.max(0, max) {
            guard try socket.receive(into: &frame) else { return taken }
            if frame.isEmpty, frame.hasMore { _ = try socket.receive(into: &frame) }
            if frame.hasMore {
                malformed += 1
                try socket.dropRest(after: &frame)
            } else {
                handle(frame)
            }
        }
        return max
    }

    /// A new socket, to another endpoint if one is named. Everything that was under way on the old one is
    /// lost: replies, and requests that had not been sent.
    package mutating func reopen(endpoint: String? = nil) throws(BusError) {
        let target = endpoint ?? self.endpoint
        socket = try Self.open(in: context, target, options)
        self.endpoint = target
    }

    private static func open(in context: Context, _ endpoint: String, _ options: SocketOptions) throws(BusError)
        -> Socket
    {
        let socket = try Socket(.dealer, in: context, options: options)
        try socket.connect(endpoint)
        return socket
    }
}
