import CZeroMQ
import FoundationEssentials

/// What became of a message. Nothing here ever waits.
package enum Sent: Hashable, Sendable {
    case sent
    /// The queue to the peer is full (or, for a socket without connections, there is no peer).
    case wouldBlock
    /// A ROUTER knows no such peer, any more.
    case unroutable
}

extension Socket {
    /// Receives one frame, if one is there. The frames of a message are there all at once or not at all.
    package func receiveFrame() throws(BusError) -> Frame? {
        var frame = Frame()
        while !frame.receive(from: handle) {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw .last("receive on a \(kind) socket")
            }
        }
        return frame
    }

    /// Receives into a frame that is used again; `false`: nothing there.
    func receive(into frame: inout Frame) throws(BusError) -> Bool {
        while !frame.receive(from: handle) {
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return false
            default: throw .last("receive on a \(kind) socket")
            }
        }
        return true
    }

    /// Drops what is left of the message that `frame` belongs to, frame by frame, so that a message of very
    /// many is not held as well.
    func dropRest(after frame: inout Frame) throws(BusError) {
        while frame.hasMore { if try !receive(into: &frame) { return } }
    }

    /// Receives a whole message as copies; for tools and tests. One of more frames than `most` is dropped,
    /// and an empty array returned.
    package func receiveMessage(atMost most: Int = 8) throws(BusError) -> [[UInt8]]? {
        guard var frame = try receiveFrame() else { return nil }
        var frames = [frame.array]
        while frame.hasMore {
            guard try receive(into: &frame) else { break }
            if frames.count < most {
                frames.append(frame.array)
            } else {
                try dropRest(after: &frame)
                return []
            }
        }
        return frames
    }

    /// Sends one frame; `more`: others of the same message follow.
    package func send(_ bytes: some ContiguousBytes, more: Bool = false) throws(BusError) -> Sent {
        let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
        var code: Int32 = 0
        repeat {
            code = bytes.withUnsafeBytes {
                zmq_send(handle, $0.baseAddress, $0.count, flags) < 0 ? zmq_errno() : 0
            }
        } while code == EINTR
        switch code {
        case 0: return .sent
        case EAGAIN: return .wouldBlock
        case EHOSTUNREACH: return .unroutable
        default: throw BusError(code: code, action: "send on a \(kind) socket")
        }
    }

    /// Sends a message of several frames, wholly or not at all.
    package func send(frames: [[UInt8]]) throws(BusError) -> Sent {
        for (index, frame) in frames.enumerated() {
            let sent = try send(frame, more: index + 1 < frames.count)
            if sent != .sent { return sent }
        }
        return .sent
    }
}
