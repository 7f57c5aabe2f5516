import FoundationEssentials

/// Where a request came from, and in which shape: what a reply needs to find its way.
package struct PeerEnvelope: Hashable, Sendable {
    /// The ROUTER's name of the connection. Gone with it: a peer that reconnects has another.
    package let identity: [UInt8]
    /// An empty frame stood before the body: a REQ's habit, which the reply must repeat.
    package let isDelimited: Bool
    package init(identity: [UInt8], isDelimited: Bool) {
        self.identity = identity
        self.isDelimited = isDelimited
    }
}

/// The broker's door for requests: a ROUTER at one or more endpoints. Owned by one thread.
///
/// A message is [identity, body] or [identity, empty, body]. Any other shape is dropped frame by frame as it
/// is read, so that one of a million frames costs time but no memory here, and counted.
package struct RequestServer: ~Copyable {
    /// As resolved: with actual ports.
    package let endpoints: [String]
    /// Messages of a wrong shape.
    package private(set) var malformed: Int64 = 0
    private let socket: Socket
    private let bounds: ReplyBounds
    /// What each peer has not taken yet of its large replies; peers that have taken all need no entry.
    private var accounts: [[UInt8]: Account] = [:]
    private let whole = Account()
    private var sweepAt = 64

    /// - Parameter options: the send mark bounds the number of replies that wait for one peer.
    package init(
        in context: Context, endpoints: [String], options: SocketOptions, bounds: ReplyBounds = ReplyBounds()
    ) throws(BusError) {
        let socket = try Socket(.router, in: context, options: options)
        var resolved: [String] = []
        for endpoint in endpoints { resolved.append(try socket.bind(endpoint)) }
        self.endpoints = resolved
        self.socket = socket
        self.bounds = bounds
    }

    package var readable: PollItem { .readable(socket) }
    /// Bytes of large replies that their peers have not taken yet.
    package var bytesWaiting: Int { whole.bytes }

    /// Hands over what waits, at most `max` messages, those of a wrong shape included.
    /// - Returns: how many were taken; fewer than `max`: no more are waiting.
    package mutating func receive(max: Int, _ handle: (PeerEnvelope, borrowing Frame) -> Void) throws(BusError) -> Int {
        var frame = Frame()
        for taken in 0..<Swift.max(0, max) {
            guard try socket.receive(into: &frame) else { return taken }
            let identity = frame.array
            guard frame.hasMore, try socket.receive(into: &frame) else {
                malformed += 1
                continue
            }
            let isDelimited = frame.isEmpty && frame.hasMore
            if isDelimited { _ = try socket.receive(into: &frame) }
            if frame.hasMore {
                malformed += 1
                try socket.dropRest(after: &frame)
            } else {
                handle(PeerEnvelope(identity: identity, isDelimited: isDelimited), frame)
            }
        }
        return max
    }

    /// - Returns: whether it was queued. Not so if the peer is gone, or takes its replies too slowly: then a
    ///   small one may still fit.
    package mutating func reply(to peer: PeerEnvelope, _ body: some ContiguousBytes) throws(BusError) -> Sent {
        var account: Account?
        let count = body.withUnsafeBytes(\.count)
        if count >= ReplyBounds.large {
            guard let found = self.account(of: peer, for: count) else { return .wouldBlock }
            account = found
        }
        let sent = try socket.send(peer.identity, more: true)
        if sent != .sent { return sent }
        if peer.isDelimited { _ = try socket.send([UInt8](), more: true) }
        guard let account else { return try socket.send(body) }
        return try socket.send(body, chargedTo: account)
    }

    /// `nil`: the peer has too much to take already. Whoever has nothing waiting may have any one reply.
    private mutating func account(of peer: PeerEnvelope, for count: Int) -> Account? {
        if let account = accounts[peer.identity] {
            let held = account.bytes
            let isOver = held + count > bounds.peerBytes || whole.bytes + count > bounds.wholeBytes
            return held > 0 && isOver ? nil : account
        }
        if accounts.count >= sweepAt {
            accounts = accounts.filter { $0.value.bytes > 0 }
            sweepAt = 64 + accounts.count * 2
        }
        let account = Account(within: whole)
        accounts[peer.identity] = account
        return account
    }
}

/// How many bytes of replies may wait for peers that do not read them. Marks count messages, of which one may
/// have a few bytes and the next some megabytes.
package struct ReplyBounds: Hashable, Sendable {
    /// Smaller replies are bounded by the send mark alone, in bytes.
    static let large = 4096
    package var peerBytes = 32 << 20
    /// For all peers together. Beyond it each may have one large reply waiting.
    package var wholeBytes = 256 << 20
    package init() {}
}
