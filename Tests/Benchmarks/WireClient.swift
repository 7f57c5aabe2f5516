import CZeroMQ
import Foundation
import MembusModel
import MembusWire

/// A DEALER that speaks the wire, one request at a time.
final class WireClient {
    let socket: UnsafeMutableRawPointer
    private(set) var instance: Instance
    private(set) var session = SessionID(0)
    private var buffer = [UInt8](repeating: 0, count: 1 << 16)
    private var number: UInt64 = 0
    private var template: TransactTemplate?

    /// Connects, greets and opens a session.
    convenience init(endpoint: String, name: String) throws {
        guard let context = zmq_ctx_new() else { throw Trouble("ZeroMQ does not start") }
        try self.init(in: context, endpoint: endpoint, name: name)
    }

    init(in context: UnsafeMutableRawPointer, endpoint: String, name: String) throws {
        guard let socket = zmq_socket(context, ZMQ_DEALER) else { throw Trouble("no more sockets") }
        self.socket = socket
        instance = Instance(0)
        set(ZMQ_LINGER, 0)
        set(ZMQ_RCVTIMEO, 20_000)
        guard zmq_connect(socket, endpoint) == 0 else { throw Trouble("\(endpoint) can't be reached") }
        instance = try ask(.hello(Hello(agent: name))).instance
        guard case .session(let id) = try ask(.openSession(OpenSession(agent: name))).body else {
            throw Trouble("no session was given")
        }
        session = id
        template = TransactTemplate(instance: instance, session: id, keyPrefix: "wire/\(name)/", valueBytes: 512)
    }

    deinit { zmq_close(socket) }

    private func set(_ option: Int32, _ value: Int32) {
        var value = value
        zmq_setsockopt(socket, option, &value, 4)
    }

    func ask(_ body: Request.Body) throws -> Reply {
        let bytes = try WireCodec.encode(Request(id: 1, deadline: nil, instance: nil, streams: [], body: body))
        zmq_send(socket, bytes, bytes.count, 0)
        let count = zmq_recv(socket, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Trouble("the broker does not answer") }
        return try WireCodec.decodeReply(Array(buffer[..<Int(count)])).get()
    }

    /// Commits one record of 512 bytes and waits for it.
    func commit() throws {
        number += 1
        try send(number: number, acknowledged: number - 1, key: Int(number) % 10_000)
        guard try receive(waiting: true) else { throw Trouble("the broker does not answer") }
    }

    func send(number: UInt64, acknowledged: UInt64, key: Int) throws {
        guard
            template?.with(
                number: number, acknowledged: acknowledged, key: key,
                { bytes in
                    zmq_send(socket, bytes.baseAddress, bytes.count, ZMQ_DONTWAIT) >= 0
                }) ?? false
        else { throw Trouble("the request could not be sent") }
    }

    /// Takes one reply, which must be a commit's.
    /// - Returns: whether there was one.
    func receive(waiting: Bool = false) throws -> Bool {
        let count = zmq_recv(socket, &buffer, buffer.count, waiting ? 0 : ZMQ_DONTWAIT)
        if count < 0 { return false }
        let isCommit = buffer.withUnsafeBytes {
            TransactTemplate.isOutcome(UnsafeRawBufferPointer(rebasing: $0[..<Int(count)]))
        }
        if isCommit { return true }
        throw Trouble("the broker refused a commit: \(WireCodec.decodeReply(Array(buffer[..<Int(count)])))")
    }
}

/// A ROUTER that sends back what it gets, on a thread of its own.
final class Echo {
    private let context = zmq_ctx_new()
    private let socket: UnsafeMutableRawPointer?
    private var buffer = [UInt8](repeating: 7, count: 4096)

    init() throws {
        let context = UInt(bitPattern: zmq_ctx_new())
        let router = UInt(bitPattern: zmq_socket(UnsafeMutableRawPointer(bitPattern: context), ZMQ_ROUTER))
        zmq_bind(UnsafeMutableRawPointer(bitPattern: router), "tcp://127.0.0.1:*")
        var endpoint = [CChar](repeating: 0, count: 256)
        var size = endpoint.count
        zmq_getsockopt(UnsafeMutableRawPointer(bitPattern: router), ZMQ_LAST_ENDPOINT, &endpoint, &size)
        // It ends with the process.
        Thread.detachNewThread {
            let router = UnsafeMutableRawPointer(bitPattern: router)
            var message = zmq_msg_t()
            zmq_msg_init(&message)
            while zmq_msg_recv(&message, router, 0) >= 0 {
                let more = zmq_msg_more(&message) != 0 ? ZMQ_SNDMORE : 0
                zmq_msg_send(&message, router, more)
            }
        }
        socket = zmq_socket(self.context, ZMQ_DEALER)
        guard zmq_connect(socket, endpoint) == 0 else { throw Trouble("the echo can't be reached") }
    }

    func roundTrip(bytes: Int) throws {
        zmq_send(socket, buffer, bytes, 0)
        guard zmq_recv(socket, &buffer, buffer.count, 0) == Int32(bytes) else { throw Trouble("the echo is wrong") }
    }
}
