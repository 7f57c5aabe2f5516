import CZeroMQ
import FoundationEssentials

/// A ZeroMQ context: the I/O threads that sockets share. Create one per broker or client.
///
/// Sockets keep their context alive, so it is closed after the last of them at the earliest.
package final class Context: Sendable {
    private struct State {
        let handle: UnsafeMutableRawPointer
        var isClosed = false
    }
    private let state: Lock<State>

    /// - Throws: ``BusError`` if the system grants no more files or threads.
    package init(ioThreads: Int = 1) throws(BusError) {
        guard let handle = zmq_ctx_new() else { throw .last("start ZeroMQ") }
        _ = zmq_ctx_set(handle, ZMQ_IO_THREADS, Int32(clamping: ioThreads))
        state = Lock(State(handle: handle))
    }

    /// Makes every call on the context's sockets fail with ``BusError/Kind/closed``, which is how their
    /// threads learn that they should end. From any thread.
    package func shutdown() {
        state.withLock { if !$0.isClosed { _ = zmq_ctx_shutdown($0.handle) } }
    }

    /// ``shutdown()``, then waits until the owners of all sockets have closed them: join their threads, or
    /// call this from a thread that owns none. A second call does nothing.
    package func close() {
        let address: UInt? = state.withLock { state in
            if state.isClosed { return nil }
            state.isClosed = true
            _ = zmq_ctx_shutdown(state.handle)
            return UInt(bitPattern: state.handle)
        }
        guard let address, let handle = UnsafeMutableRawPointer(bitPattern: address) else { return }
        while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
    }

    deinit { close() }

    func makeSocket(_ kind: Socket.Kind) throws(BusError) -> UnsafeMutableRawPointer {
        // Not after close: libzmq would look into a freed context. The pointer leaves the lock as a number,
        // since a Mutex hands out Sendable values only.
        let (address, code) = state.withLock { state -> (UInt, Int32) in
            if state.isClosed { return (0, BusError.terminated) }
            guard let socket = zmq_socket(state.handle, kind.rawValue) else { return (0, zmq_errno()) }
            return (UInt(bitPattern: socket), 0)
        }
        guard let socket = UnsafeMutableRawPointer(bitPattern: address) else {
            throw BusError(code: code, action: "open a \(kind) socket")
        }
        return socket
    }
}
