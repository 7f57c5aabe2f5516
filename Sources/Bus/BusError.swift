import CZeroMQ
import FoundationEssentials
import Glibc

/// What went wrong on a socket: doing what, with which endpoint, and what to do next.
package struct BusError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        case addressInUse
        /// What is at an ipc path is no socket.
        case notASocket
        case noSuchInterface
        case invalidEndpoint
        case permission
        /// No more files, sockets or memory.
        case exhausted
        /// The context was shut down: the socket's owner should close it and end.
        case closed
        case other
    }
    package let kind: Kind
    /// ZeroMQ's error number.
    package let code: Int32
    /// What was tried: "bind", "set the receive mark of".
    package let action: String
    package let endpoint: String?

    static let incompatible = Int32(ZMQ_HAUSNUMERO) + 52  // ENOCOMPATPROTO
    static let terminated = Int32(ZMQ_HAUSNUMERO) + 53  // ETERM
    static let noThread = Int32(ZMQ_HAUSNUMERO) + 54  // EMTHREAD

    init(code: Int32, action: String, endpoint: String? = nil) {
        self.init(Self.kind(of: code), code: code, action: action, endpoint: endpoint)
    }

    private init(_ kind: Kind, code: Int32, action: String, endpoint: String?) {
        self.kind = kind
        self.code = code
        self.action = action
        self.endpoint = endpoint
    }

    private static func kind(of code: Int32) -> Kind {
        switch code {
        case EADDRINUSE: .addressInUse
        case ENODEV, EADDRNOTAVAIL, EAFNOSUPPORT: .noSuchInterface
        case EINVAL, EPROTONOSUPPORT, BusError.incompatible, ENAMETOOLONG, ENOENT, ENOTDIR: .invalidEndpoint
        case EACCES, EPERM, EROFS: .permission
        case EMFILE, ENFILE, ENOMEM, BusError.noThread, ENOBUFS: .exhausted
        case BusError.terminated, ENOTSOCK: .closed
        default: .other
        }
    }

    /// The error that the last call on this thread left behind.
    static func last(_ action: String, _ endpoint: String? = nil) -> BusError {
        BusError(code: zmq_errno(), action: action, endpoint: endpoint)
    }

    static func notASocket(_ action: String, _ endpoint: String) -> BusError {
        BusError(.notASocket, code: EEXIST, action: action, endpoint: endpoint)
    }

    /// ZeroMQ's own words, where it has some.
    package var reason: String {
        kind == .notASocket ? "what is there is no socket" : String(cString: zmq_strerror(code))
    }

    package var hint: String {
        switch kind {
        case .addressInUse where endpoint?.hasPrefix("ipc:") == true:
            "another process listens there: stop it, or choose another path"
        case .addressInUse: "another process listens there: stop it, or choose another port"
        case .notASocket: "choose another path, or move away what is there; it was left as it is"
        case .noSuchInterface: "this machine has no such address: use 127.0.0.1, [::1], one of its own, or *"
        case .invalidEndpoint: "write tcp://HOST:PORT or ipc://PATH, in an existing directory and not too long"
        case .permission: "choose a port above 1023 or a directory that may be written to, or change the rights"
        case .exhausted: "raise the limit of open files (ulimit -n), or close connections"
        case .closed: "the bus was shut down: connect again"
        case .other: "see the reason above"
        }
    }

    package var description: String {
        "cannot \(action)\(endpoint.map { " \($0)" } ?? ""): \(reason); \(hint)"
    }
}
