import CZeroMQ
import FoundationEssentials

/// One received frame, still where libzmq put it: look at its bytes in place, copy only what must outlive it.
package struct Frame: ~Copyable {
    // Small frames lie inside of this value, large ones behind a pointer. libzmq's messages hold no pointer
    // to themselves, so that Swift may move them; reading through a copy of the 64 bytes is sound too, as
    // long as the copy is never closed.
    private var message = zmq_msg_t()

    init() { _ = zmq_msg_init(&message) }
    deinit {
        var message = message
        _ = zmq_msg_close(&message)
    }

    /// Receives into this frame in place of what it held.
    mutating func receive(from socket: UnsafeMutableRawPointer) -> Bool {
        zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0
    }

    package var count: Int { reading { zmq_msg_size($0) } }
    package var isEmpty: Bool { count == 0 }
    /// Whether more frames of the same message follow.
    var hasMore: Bool { reading { zmq_msg_more($0) != 0 } }

    /// Of the connection that it came by; `nil` if it came by none.
    var descriptor: Int32? {
        reading { zmq_msg_gets($0, "__fd") }.flatMap { Int32(String(cString: $0)) }
    }

    /// The bytes, valid during the call.
    package func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        var view = message
        return try body(UnsafeRawBufferPointer(start: zmq_msg_data(&view), count: zmq_msg_size(&view)))
    }

    /// The bytes as a span, which cannot outlive the call.
    package func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try withUnsafeBytes { (buffer) throws(E) in try body(buffer.bytes) }
    }

    /// A copy.
    package var array: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
    /// A copy.
    package var data: Data { withUnsafeBytes { Data($0) } }

    private func reading<R>(_ body: (UnsafeMutablePointer<zmq_msg_t>) -> R) -> R {
        var view = message
        return body(&view)
    }
}
