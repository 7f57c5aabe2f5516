import Glibc

/// An endpoint in its parts: `ipc://PATH`, or `tcp://HOST:PORT` with an IPv6 address in brackets.
package enum Address: Hashable, Sendable {
    case ipc(path: String)
    case tcp(Host, port: String)

    package enum Host: Hashable, Sendable {
        /// `*`: every IPv4 address of this machine.
        case every
        /// A name of the network or of an interface, or an IPv4 address.
        case name(String)
        case ipv6(IPv6)
    }

    package struct IPv6: Hashable, Sendable {
        /// Without brackets and zone.
        package let text: String
        /// The interface that it is reached by. It has a meaning on its own machine only.
        package var zone: String?
        /// Of one link: it says nothing without a zone.
        package let isLinkLocal: Bool
        /// `::`: every address of this machine, IPv4 included.
        package let isEvery: Bool

        init?(_ bracketed: Substring) {
            let parts = bracketed.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
            var address = in6_addr()
            guard let text = parts.first.map(String.init), inet_pton(AF_INET6, text, &address) == 1 else {
                return nil
            }
            if parts.count == 2, parts[1].isEmpty { return nil }
            self.text = text
            zone = parts.count == 2 ? String(parts[1]) : nil
            (isLinkLocal, isEvery) = withUnsafeBytes(of: &address) { bytes in
                (bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80, bytes.allSatisfy { $0 == 0 })
            }
        }
    }

    /// What is wrong with an endpoint, to be read behind "is no endpoint: ".
    package struct Fault: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// A socket's path may have so many bytes: the kernel's structure holds 108, one of them the end.
    package static let longestPath = 107

    package init(_ url: String) throws(Fault) {
        if url.hasPrefix("ipc://") {
            let path = String(url.dropFirst(6))
            if path.isEmpty { throw Fault(description: "write ipc://PATH") }
            let size = path.utf8.count
            if size > Self.longestPath {
                throw Fault(
                    description: "the path has \(size) bytes, and a socket's may have \(Self.longestPath)")
            }
            self = .ipc(path: path)
            return
        }
        guard url.hasPrefix("tcp://") else {
            throw Fault(description: "write tcp://HOST:PORT or ipc://PATH")
        }
        let place = url.dropFirst(6)
        guard let colon = place.lastIndex(of: ":"), colon != place.startIndex, !place.hasSuffix("]")
        else {
            throw Fault(description: "write tcp://HOST:PORT")
        }
        self = .tcp(try Self.host(place[..<colon]), port: String(place[place.index(after: colon)...]))
    }

    private static func host(_ text: Substring) throws(Fault) -> Host {
        if text == "*" { return .every }
        if text.hasPrefix("["), text.hasSuffix("]") {
            guard let address = IPv6(text.dropFirst().dropLast()) else {
                throw Fault(description: "\(text) is no IPv6 address")
            }
            return .ipv6(address)
        }
        if text.contains(":") {
            throw Fault(description: "write an IPv6 address in brackets: tcp://[ADDRESS]:PORT")
        }
        return .name(String(text))
    }

    /// As it is written.
    package var url: String {
        switch self {
        case .ipc(let path): "ipc://\(path)"
        case .tcp(.every, let port): "tcp://*:\(port)"
        case .tcp(.name(let name), let port): "tcp://\(name):\(port)"
        case .tcp(.ipv6(let address), let port):
            "tcp://[\(address.text)\(address.zone.map { "%\($0)" } ?? "")]:\(port)"
        }
    }
}

extension Address.Host {
    package var isIPv4: Bool {
        guard case .name(let name) = self else { return self == .every }
        var address = in_addr()
        return inet_pton(AF_INET, name, &address) == 1
    }

    /// - Throws: ``BusError`` if its zone is no interface of this machine, which libzmq calls an invalid argument.
    func requireInterface(_ endpoint: String, _ action: String = "listen at") throws(BusError) {
        guard case .ipv6(let address) = self, let zone = address.zone, UInt32(zone) == nil else {
            return
        }
        if if_nametoindex(zone) == 0 {
            throw BusError(code: ENODEV, action: action, endpoint: endpoint)
        }
    }

    /// Whether it stands for every address of a machine.
    package var isEvery: Bool {
        switch self {
        case .every, .name("0.0.0.0"): true
        case .name: false
        case .ipv6(let address): address.isEvery
        }
    }
}
