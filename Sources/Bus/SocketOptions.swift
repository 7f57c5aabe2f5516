import CZeroMQ
import FoundationEssentials

/// How a socket behaves; set once, before it binds or connects.
///
/// Fixed for every socket: a ROUTER reports peers that are gone and never hands a peer's identity to another
/// connection. An XPUB drops messages for a slow subscriber: XPUB_NODROP would let one of them block all.
package struct SocketOptions: Hashable, Sendable {
    /// Messages, not bytes, that may wait for one peer; 0: without bound.
    package var sendMark = 1000
    /// Messages that may wait to be received from one peer; 0: without bound.
    package var receiveMark = 1000
    /// A peer that sends a larger frame is disconnected; `nil`: any size. The number of frames in a message
    /// is not bounded by it.
    package var maxFrameBytes: Int?
    /// Probe a silent TCP connection after this time, and drop it after three probes without an answer.
    package var keepAlive: Duration? = .seconds(30)
    /// A TCP peer that has taken nothing of what waits for it for so long is disconnected, and what waits is given
    /// up: one that was stopped, or whose machine is gone. `nil`: as the system's rules are, which for one that was
    /// stopped is never. (Linux before 5.11 minds only machines that are gone.)
    package var stall: Duration?
    /// A peer that has not introduced itself by then is disconnected.
    package var handshake: Duration = .seconds(10)
    /// Pause before connecting again; it doubles up to `reconnectMax`.
    package var reconnect: Duration = .milliseconds(50)
    package var reconnectMax: Duration = .seconds(1)
    /// Queue messages for completed connections only: while there is none, sending would block.
    package var immediate = false
    /// How long closing the context waits for what was not sent yet.
    package var linger: Duration = .zero
    /// Connections that may wait to be accepted.
    package var backlog = 1024

    package init() {}

    func apply(to socket: SocketSettings) throws(BusError) {
        try socket.set(ZMQ_LINGER, linger.inMilliseconds, "linger")
        try socket.set(ZMQ_SNDHWM, sendMark, "send mark")
        try socket.set(ZMQ_RCVHWM, receiveMark, "receive mark")
        try socket.set(ZMQ_MAXMSGSIZE, wide: Int64(maxFrameBytes ?? -1), "largest frame")
        try socket.set(ZMQ_HANDSHAKE_IVL, handshake.inMilliseconds, "handshake interval")
        try socket.set(ZMQ_RECONNECT_IVL, reconnect.inMilliseconds, "reconnect interval")
        try socket.set(ZMQ_RECONNECT_IVL_MAX, reconnectMax.inMilliseconds, "longest reconnect interval")
        try socket.set(ZMQ_IMMEDIATE, immediate ? 1 : 0, "immediate")
        try socket.set(ZMQ_BACKLOG, backlog, "backlog")
        if let keepAlive {
            try socket.set(ZMQ_TCP_KEEPALIVE, 1, "keep-alive")
            let seconds = max(1, keepAlive.inMilliseconds / 1000)
            try socket.set(ZMQ_TCP_KEEPALIVE_IDLE, seconds, "keep-alive")
            try socket.set(ZMQ_TCP_KEEPALIVE_INTVL, max(1, seconds / 3), "keep-alive")
            try socket.set(ZMQ_TCP_KEEPALIVE_CNT, 3, "keep-alive")
        }
        if let stall { try socket.set(ZMQ_TCP_MAXRT, stall.inMilliseconds, "stall") }
        if socket.kind == .router { try socket.set(ZMQ_ROUTER_MANDATORY, 1, "mandatory routing") }
        if socket.kind == .router { try socket.set(ZMQ_ROUTER_HANDOVER, 0, "handover") }
        if socket.kind == .xpub { try socket.set(ZMQ_XPUB_NODROP, 0, "dropping") }
        // Of every subscriber, not of the first and the last to a topic.
        if socket.kind == .xpub { try socket.set(ZMQ_XPUB_VERBOSER, 1, "hearing of subscriptions") }
    }
}

/// Sets single options of a socket, by what ZeroMQ calls them.
struct SocketSettings {
    let kind: Socket.Kind
    let handle: UnsafeMutableRawPointer

    func set(_ option: Int32, _ value: Int, _ name: String) throws(BusError) {
        try withUnsafeBytes(of: Int32(clamping: value)) { (bytes) throws(BusError) in try set(option, bytes, name) }
    }

    func set(_ option: Int32, wide value: Int64, _ name: String) throws(BusError) {
        try withUnsafeBytes(of: value) { (bytes) throws(BusError) in try set(option, bytes, name) }
    }

    func set(_ option: Int32, _ value: some ContiguousBytes, _ name: String) throws(BusError) {
        let code = value.withUnsafeBytes {
            zmq_setsockopt(handle, option, $0.baseAddress, $0.count) == 0 ? 0 : zmq_errno()
        }
        guard code == 0 else { throw BusError(code: code, action: "set the \(name) of a \(kind) socket") }
    }
}

extension Duration {
    /// Rounded up, so that a wait is never shorter than asked for; within 0...Int32.max, as libzmq takes it.
    var inMilliseconds: Int {
        let (seconds, attoseconds) = components
        if seconds < 0 || attoseconds < 0 { return 0 }
        if seconds >= Int64(Int32.max) / 1000 { return Int(Int32.max) }
        return Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
