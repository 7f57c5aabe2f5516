import Dispatch
import Glibc

// libzmq looks a name up in one family only: IPv4, or with its option IPv6. With that option a name of both, such as
// `localhost`, would be looked for at its IPv6 address alone, where most brokers do not listen. So the option is set
// for addresses in brackets, and for names that have no other.
enum HostFamily {
    /// How long a name server may take; then the name counts as one of IPv4, and is asked about at the next connecting.
    private static let patience: DispatchTimeInterval = .seconds(1)

    /// Whether to listen there as IPv6.
    static func isIPv6(listening endpoint: String) -> Bool {
        guard case .tcp(.ipv6, _)? = try? Address(endpoint) else { return false }
        return true
    }

    /// Whether to connect there as IPv6. May ask the name server, and waits for that no longer than ``patience``.
    static func isIPv6(connecting endpoint: String) -> Bool {
        guard case .tcp(let host, _)? = try? Address(endpoint) else { return false }
        switch host {
        case .every: return false
        case .ipv6: return true
        case .name(let name): return !host.isIPv4 && hasIPv6Only(name)
        }
    }

    private static func hasIPv6Only(_ name: String) -> Bool {
        let found = Found()
        // Detached: whoever does not wait for it any more leaves it to its end.
        guard
            (try? BusThread.start(name: "membus-name") {
                found.put(!has(name, AF_INET) && has(name, AF_INET6))
            }) != nil
        else { return false }
        return found.take(within: patience) ?? false
    }

    private static func has(_ name: String, _ family: Int32) -> Bool {
        var wanted = addrinfo()
        wanted.ai_family = family
        wanted.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        defer { if let list { freeaddrinfo(list) } }
        return getaddrinfo(name, nil, &wanted, &list) == 0 && list != nil
    }

    private final class Found: Sendable {
        private let value = Lock<Bool?>(nil)
        private let arrived = DispatchSemaphore(value: 0)

        func put(_ found: Bool) {
            value.withLock { $0 = found }
            arrived.signal()
        }
        func take(within patience: DispatchTimeInterval) -> Bool? {
            _ = arrived.wait(timeout: .now() + patience)
            return value.withLock { $0 }
        }
    }
}
