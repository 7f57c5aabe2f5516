import CZeroMQ
import FoundationEssentials
import Glibc

/// A ZeroMQ socket. It has one owner, a thread: open, use and close it there. It closes when its owner lets
/// go of it.
package struct Socket: ~Copyable {
    package enum Kind: Hashable, Sendable {
        case router, dealer, sub, xpub, req

        var rawValue: Int32 {
            switch self {
            case .router: ZMQ_ROUTER
            case .dealer: ZMQ_DEALER
            case .sub: ZMQ_SUB
            case .xpub: ZMQ_XPUB
            case .req: ZMQ_REQ
            }
        }
    }

    package let kind: Kind
    let handle: UnsafeMutableRawPointer
    private let context: Context
    private let backlog: Int
    /// Of the ipc endpoints that it listens at.
    private let files = SocketFiles()

    package init(_ kind: Kind, in context: Context, options: SocketOptions = SocketOptions()) throws(BusError) {
        let handle = try context.makeSocket(kind)
        do { try options.apply(to: SocketSettings(kind: kind, handle: handle)) } catch {
            _ = zmq_close(handle)
            throw error
        }
        self.kind = kind
        self.context = context
        self.handle = handle
        backlog = options.backlog
    }

    deinit {
        // Before the socket is closed: until then nobody takes the path for a dead broker's.
        files.remove()
        _ = zmq_close(handle)
    }

    // MARK: Endpoints

    /// Listens at an endpoint; `tcp://127.0.0.1:*` takes a free port. An ipc path is taken where nothing is, or a
    /// socket that nobody answers at.
    /// - Returns: the endpoint as it was resolved.
    @discardableResult
    package func bind(_ endpoint: String) throws(BusError) -> String {
        let settings = SocketSettings(kind: kind, handle: handle)
        let path = endpoint.hasPrefix("ipc://") ? endpoint.dropFirst(6) : ""
        // A path that libzmq draws, and names without a file, are its own.
        if let first = path.first, first != "*", first != "@" {
            let (descriptor, file) = try SocketFile.listen(at: String(path), backlog: backlog)
            do {
                try settings.set(ZMQ_USE_FD, Int(descriptor), "descriptor")
                try uninterrupted("listen at", endpoint) { zmq_bind(handle, endpoint) }
            } catch {
                file.remove()
                _ = Glibc.close(descriptor)
                throw error
            }
            files.add(file)
            try settings.set(ZMQ_USE_FD, -1, "descriptor")
        } else {
            if case .tcp(let host, _)? = try? Address(endpoint) { try host.requireInterface(endpoint) }
            try settings.set(ZMQ_IPV6, HostFamily.isIPv6(listening: endpoint) ? 1 : 0, "IPv6")
            try uninterrupted("listen at", endpoint) { zmq_bind(handle, endpoint) }
        }
        return try lastEndpoint()
    }

    /// Connects in the background, and again whenever the connection is lost: that nobody listens there is
    /// no error.
    package func connect(_ endpoint: String) throws(BusError) {
        let isIPv6 = HostFamily.isIPv6(connecting: endpoint)
        try SocketSettings(kind: kind, handle: handle).set(ZMQ_IPV6, isIPv6 ? 1 : 0, "IPv6")
        try uninterrupted("connect to", endpoint) { zmq_connect(handle, endpoint) }
    }

    package func unbind(_ endpoint: String) throws(BusError) {
        try uninterrupted("stop listening at", endpoint) { zmq_unbind(handle, endpoint) }
    }

    package func disconnect(_ endpoint: String) throws(BusError) {
        try uninterrupted("disconnect from", endpoint) { zmq_disconnect(handle, endpoint) }
    }

    /// A signal may come between: ZeroMQ has done nothing then, and wants to be called again.
    private func uninterrupted(_ action: String, _ endpoint: String, _ call: () -> Int32) throws(BusError) {
        while call() != 0 { if zmq_errno() != EINTR { throw .last(action, endpoint) } }
    }

    /// Where the socket was last bound or connected, with the actual port.
    package func lastEndpoint() throws(BusError) -> String {
        var buffer = [CChar](repeating: 0, count: 1024)
        var size = buffer.count
        guard zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &buffer, &size) == 0 else {
            throw .last("read the endpoint of a \(kind) socket")
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: Subscriptions of a SUB

    /// Asks for messages whose first frame starts with these bytes. Takes effect once the publisher has
    /// heard of it: prove that with a probe before you rely on it.
    package func subscribe(_ prefix: some ContiguousBytes) throws(BusError) {
        try SocketSettings(kind: kind, handle: handle).set(ZMQ_SUBSCRIBE, prefix, "subscription")
    }

    package func unsubscribe(_ prefix: some ContiguousBytes) throws(BusError) {
        try SocketSettings(kind: kind, handle: handle).set(ZMQ_UNSUBSCRIBE, prefix, "subscription")
    }
}
