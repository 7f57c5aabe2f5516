import Glibc

/// How many subscriptions each connection has. libzmq keeps a node for nearly every byte of each, some 850 bytes in all,
/// and bounds them by nothing.
///
/// It tells of each with the connection's descriptor, and of none when a connection ends. So the ends are looked for,
/// at the latest once there are twice as many connections as after the last look.
struct SubscriptionCounts {
    private let bounds: SubscriptionBounds
    private var counts: [Subscriber: Int] = [:]
    private(set) var total = 0
    private var most = 0
    private var sweepAt = 64

    init(_ bounds: SubscriptionBounds) { self.bounds = bounds }

    /// - Parameter isThere: whether the connection still is.
    /// - Returns: whom to disconnect, since the bound of one, or that of all, is exceeded. It starts anew at 0.
    mutating func count(isSubscription: Bool, from peer: Subscriber, isThere: (Subscriber) -> Bool)
        -> Subscriber?
    {
        let held = counts[peer] ?? 0
        guard isSubscription else {
            if held > 1 { counts[peer] = held - 1 } else { counts[peer] = nil }
            if held > 0 { total -= 1 }
            return nil
        }
        counts[peer] = held + 1
        total += 1
        most = max(most, total)
        if counts.count >= sweepAt { sweep(isThere) }
        if held + 1 > bounds.peer {
            drop(peer)
            return peer
        }
        guard total > bounds.whole else { return nil }
        sweep(isThere)
        guard total > bounds.whole, let most = counts.max(by: { $0.value < $1.value })?.key else {
            return nil
        }
        drop(most)
        return most
    }

    /// Looks which connections are gone.
    mutating func sweep(_ isThere: (Subscriber) -> Bool) {
        counts = counts.filter { isThere($0.key) }
        total = counts.values.reduce(0, +)
        sweepAt = 64 + counts.count * 2
    }

    /// The most that there were since this was last asked: a rush may come and go between two looks.
    mutating func takeMost() -> Int {
        defer { most = total }
        return most
    }

    private mutating func drop(_ peer: Subscriber) { total -= counts.removeValue(forKey: peer) ?? 0 }
}

/// How many subscriptions there may be. A client has one for each view, and one for heartbeats.
package struct SubscriptionBounds: Hashable, Sendable {
    /// What one occupies in libzmq, in bytes.
    package static let bytes = 850
    package var peer = 32_768
    package var whole = 200_000
    package init() {}
}

/// A connection of libzmq's, which owns its descriptor: by now another connection may have it. So it is known by its
/// socket's own number, too.
struct Subscriber: Hashable, Sendable {
    let descriptor: Int32
    let number: UInt64

    init(descriptor: Int32, number: UInt64) {
        self.descriptor = descriptor
        self.number = number
    }

    /// - Returns: `nil` if it is gone already.
    init?(at descriptor: Int32) {
        var there = stat()
        guard fstat(descriptor, &there) == 0, there.st_mode & S_IFMT == S_IFSOCK else { return nil }
        self.init(descriptor: descriptor, number: UInt64(there.st_ino))
    }

    var isThere: Bool { Subscriber(at: descriptor) == self }

    /// Ends the connection; libzmq learns of it as of any other end, and closes the descriptor.
    func disconnect() { if isThere { _ = shutdown(descriptor, Int32(SHUT_RDWR)) } }
}
