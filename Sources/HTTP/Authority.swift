import Glibc
import MembusModel

/// `HOST` or `HOST:PORT`, as Host and Origin have it: a name, an IPv4 address, or an IPv6 address in brackets. Whatever else stands
/// there makes it none, since others might read another host out of it.
struct Authority: Sendable {
    enum Host: Sendable {
        case name(String)
        case ipv6(in6_addr)
    }
    let host: Host

    init?(_ text: String) {
        let bytes = Array(text.utf8)
        let rest: ArraySlice<UInt8>
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), let address = Self.ipv6(bytes[1..<end]) else {
                return nil
            }
            (host, rest) = (.ipv6(address), bytes[(end + 1)...])
        } else {
            let name = bytes.prefix { $0 != UInt8(ascii: ":") }
            guard !name.isEmpty, name.allSatisfy(Self.isOfName) else { return nil }
            (host, rest) = (.name(String(decoding: name, as: UTF8.self)), bytes[name.endIndex...])
        }
        guard rest.isEmpty || rest.first == UInt8(ascii: ":") && Self.isPort(rest.dropFirst()) else { return nil }
    }

    /// Whether it can be nothing but this machine.
    var isLoopback: Bool {
        switch host {
        case .name(let name): Loopback.isNameOrIPv4(name)
        case .ipv6(let address): Loopback.isIPv6(address)
        }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isPort(_ digits: ArraySlice<UInt8>) -> Bool {
        guard 1...5 ~= digits.count, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else {
            return false
        }
        return UInt16(String(decoding: digits, as: UTF8.self)) != nil
    }

    /// Without a zone, which is a name of one machine's own.
    private static func ipv6(_ bytes: ArraySlice<UInt8>) -> in6_addr? {
        var address = in6_addr()
        let isPlain = bytes.allSatisfy { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") || Self.isOfName($0) }
        return isPlain && inet_pton(AF_INET6, String(decoding: bytes, as: UTF8.self), &address) == 1 ? address : nil
    }
}

/// An origin as browsers send it: `SCHEME://AUTHORITY`, and nothing behind it.
struct Origin: Sendable {
    let scheme: String
    let authority: String

    init?(_ text: String) {
        let bytes = Array(text.utf8)
        let name = bytes.prefix { $0 != UInt8(ascii: ":") }
        let mark = Array("://".utf8)
        let isScheme =
            name.first.map { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 } ?? false
            && name.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || "+-.".utf8.contains(byte)
            }
        let authority = bytes[name.endIndex...].dropFirst(mark.count)
        guard isScheme, bytes[name.endIndex...].starts(with: mark), !authority.isEmpty,
            authority.allSatisfy({ UInt8(ascii: "!")...UInt8(ascii: "~") ~= $0 && !"/?#@\\,;\"".utf8.contains($0) })
        else { return nil }
        scheme = String(decoding: name, as: UTF8.self)
        self.authority = String(decoding: authority, as: UTF8.self)
    }

    /// Of a page that this machine served.
    var isLoopback: Bool {
        ["http", "https"].contains { $0.hasSameBytes(as: scheme) } && Authority(authority)?.isLoopback ?? false
    }
}

enum Loopback {
    /// An address or name to listen at, an IPv6 address without brackets.
    static func contains(_ host: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, host, &address) == 1 ? isIPv6(address) : isNameOrIPv4(host)
    }

    static func isNameOrIPv4(_ host: String) -> Bool {
        if host.lowercased().hasSameBytes(as: "localhost") { return true }
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1 && UInt32(bigEndian: address.s_addr) >> 24 == 127
    }

    static func isIPv6(_ address: in6_addr) -> Bool {
        withUnsafeBytes(of: address) { bytes in bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1 }
    }
}
