import MembusModel

/// An endpoint's URL, taken apart as far as is needed to check and to show it; libcurl reads it whole. Nothing is let
/// through in which two readers might see two hosts.
struct EndpointAddress {
    let url: String
    let place: String

    init(_ text: String) throws(EndpointSettingError) {
        let bytes = Array(text.utf8)
        guard bytes.count <= 2000, bytes.allSatisfy({ 0x21...0x7E ~= $0 && !"\\\"<>^`{|}".utf8.contains($0) }) else {
            throw Self.error("holds what no URL can hold, or more than 2,000 characters")
        }
        guard let scheme = Self.scheme(of: bytes) else { throw Self.error("is not of http or https") }
        let rest = bytes.dropFirst(scheme.count + 3)
        let authority = rest.prefix { !"/?#".utf8.contains($0) }
        guard !authority.contains(UInt8(ascii: "@")) else {
            throw Self.error("names a user", hint: "give the key by itself, not within the URL")
        }
        let host = String(decoding: authority, as: UTF8.self).lowercased()
        guard Self.isAuthority(Array(host.utf8)) else { throw Self.error("names no host") }
        guard !rest.contains(UInt8(ascii: "#")) else { throw Self.error("has a fragment") }

        let query = rest.dropFirst(authority.count).drop { $0 != UInt8(ascii: "?") }
        var path = String(decoding: rest[authority.endIndex..<query.startIndex], as: UTF8.self)
        while path.last == "/" { path.removeLast() }
        if !path.hasSuffix("/embeddings") { path += "/embeddings" }
        place = host + path
        url = "\(scheme)://\(place)" + String(decoding: query, as: UTF8.self)
    }

    private static func scheme(of bytes: [UInt8]) -> String? {
        ["http", "https"].first { scheme in
            let start = String(decoding: bytes.prefix(scheme.utf8.count + 3), as: UTF8.self)
            return start.lowercased() == scheme + "://"
        }
    }

    /// `HOST` or `HOST:PORT`, the host a name or an address, IPv6 in brackets.
    private static func isAuthority(_ bytes: [UInt8]) -> Bool {
        let isBracketed = bytes.first == UInt8(ascii: "[")
        let end =
            isBracketed
            ? bytes.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } ?? 0
            : bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
        let host = isBracketed ? bytes[..<end].dropFirst().dropLast() : bytes[..<end]
        guard !host.isEmpty, host.allSatisfy({ isOfHost($0) || isBracketed && $0 == UInt8(ascii: ":") }) else {
            return false
        }
        let port = bytes[end...]
        guard !port.isEmpty else { return true }
        let digits = String(decoding: port.dropFirst(), as: UTF8.self)
        return port.first == UInt8(ascii: ":") && digits.first != "+" && (UInt16(digits) ?? 0) > 0
    }

    private static func isOfHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The URL itself is not repeated: it may hold a password.
    private static func error(_ what: String, hint: String? = nil) -> EndpointSettingError {
        EndpointSettingError(
            "the endpoint's URL \(what)",
            hint: hint ?? "give the API's base, like https://api.openai.com/v1, or the address that ends in /embeddings"
        )
    }
}
