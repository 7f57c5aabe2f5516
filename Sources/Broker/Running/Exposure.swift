import Glibc
import MembusModel

// There are no rights yet: whoever reaches a broker can read and write everything. So it listens where this machine's own
// processes alone reach it, unless its owner has said in so many words that it may be open to others.

/// Who can reach an endpoint that is listened on.
package enum Exposure {
    /// Whether nothing but this machine's own processes can: a path, or an address that loops back. What is not known to
    /// be such (a wildcard, an interface's name, another address) may be reached from elsewhere.
    package static func isLoopback(_ endpoint: String) -> Bool {
        if endpoint.hasPrefix("ipc://") { return true }
        guard endpoint.hasPrefix("tcp://") else { return false }
        let place = endpoint.dropFirst(6)
        guard let colon = place.lastIndex(of: ":") else { return false }
        var host = place[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        return host.lowercased() == "localhost" || isLoopback(ipv4: host) || isLoopback(ipv6: host)
    }

    /// 127.0.0.0/8, in four decimal numbers.
    private static func isLoopback(ipv4 host: Substring) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "127" else { return false }
        return parts.allSatisfy { part in
            1...3 ~= part.utf8.count && part.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
                && UInt8(part) != nil
        }
    }

    /// `::1`, however it is written; also what stands for 127.0.0.0/8 there.
    private static func isLoopback(ipv6 host: Substring) -> Bool {
        var address = in6_addr()
        guard inet_pton(AF_INET6, String(host), &address) == 1 else { return false }
        return withUnsafeBytes(of: address) { bytes in
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
            return isMapped ? bytes[12] == 127 : bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1
        }
    }
}

extension Configuration {
    /// Where others than this machine's own processes can reach the broker.
    package var exposed: [String] { (requests + events).filter { !Exposure.isLoopback($0) } }

    /// Why it must not be started so; `nil` if it may be.
    package var exposureRefusal: Refusal? {
        guard !isInsecure, let first = exposed.first else { return nil }
        return Refusal(
            .invalidArgument,
            "\(first) can be reached from other machines, and there are no rights yet: "
                + "whoever reaches the broker can read and write everything",
            hint: "listen on tcp://127.0.0.1, or say --insecure if only machines that you trust reach it",
            subject: first)
    }
}
