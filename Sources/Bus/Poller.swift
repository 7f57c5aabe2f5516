import CZeroMQ
import FoundationEssentials

/// What to wait for: a socket or a file descriptor. Make it anew for each wait; it does not keep its socket.
package struct PollItem {
    let raw: zmq_pollitem_t

    package static func readable(_ socket: borrowing Socket) -> PollItem { PollItem(socket, ZMQ_POLLIN) }
    package static func writable(_ socket: borrowing Socket) -> PollItem { PollItem(socket, ZMQ_POLLOUT) }
    package static func readable(descriptor: Int32) -> PollItem {
        PollItem(raw: zmq_pollitem_t(socket: nil, fd: descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
    }

    private init(_ socket: borrowing Socket, _ events: Int32) {
        raw = zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(events), revents: 0)
    }
    private init(raw: zmq_pollitem_t) { self.raw = raw }
}

/// Waits until one of several sockets and descriptors is ready.
package struct Poller {
    /// Which of the items are ready, by their place in the call.
    package struct Ready: Sendable {
        fileprivate var bits: UInt64 = 0
        package var none: Bool { bits == 0 }
        package subscript(index: Int) -> Bool { bits & (1 << UInt64(index)) != 0 }
    }

    private var items: [zmq_pollitem_t] = []

    package init() {}

    /// - Parameters:
    ///   - timeout: rounded up to milliseconds; `nil`: for ever.
    ///   - items: at most 64.
    /// - Returns: nothing ready after the time-out, or when a signal interrupted the wait.
    /// - Throws: ``BusError`` of the kind `closed` once the context is shut down.
    package mutating func wait(_ items: PollItem..., timeout: Duration?) throws(BusError) -> Ready {
        precondition(items.count <= 64, "a poller waits for at most 64 items")
        self.items.removeAll(keepingCapacity: true)
        for item in items { self.items.append(item.raw) }
        let milliseconds = timeout.map { $0.inMilliseconds } ?? -1
        let count = zmq_poll(&self.items, Int32(self.items.count), milliseconds)
        if count < 0 {
            if zmq_errno() == EINTR { return Ready() }
            throw .last("wait for sockets")
        }
        var ready = Ready()
        if count == 0 { return ready }
        for (index, item) in self.items.enumerated() where item.revents != 0 { ready.bits |= 1 << UInt64(index) }
        return ready
    }
}
