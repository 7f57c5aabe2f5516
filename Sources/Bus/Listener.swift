import Glibc

/// Whether somebody listens at an endpoint of this machine. Nothing is said to whoever does.
package enum Listener {
    /// - Parameter endpoint: `ipc://PATH`, or tcp with an IPv4 address: a name would have to be looked up.
    package static func isThere(_ endpoint: String) -> Bool {
        switch try? Address(endpoint) {
        case .ipc(let path): isAnswered(SocketFile.address(path), AF_UNIX)
        case .tcp(.name(let host), let port): internet(host, port).map { isAnswered($0, AF_INET) } ?? false
        case .tcp, nil: false
        }
    }

    private static func internet(_ host: String, _ port: String) -> sockaddr_in? {
        var address = sockaddr_in()
        guard let port = UInt16(port), inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        return address
    }

    /// This machine's own listeners answer at once, or not at all.
    private static func isAnswered<A>(_ address: A, _ family: Int32) -> Bool {
        let probe = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { _ = close(probe) }
        return withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<A>.size)) == 0
            }
        }
    }
}
