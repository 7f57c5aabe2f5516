/// Checks of endpoints that ZeroMQ makes no fuss about: it takes a port beyond 65535 for another one.
enum Endpoint {
    /// Who uses the endpoint: a broker that listens may leave the port to the system.
    enum Role { case listening, advertised, reaching }

    /// What is wrong with `url`; `nil` if nothing is.
    static func fault(_ url: String, _ role: Role) -> String? {
        if url.hasPrefix("ipc://") { return url.utf8.count > 6 ? nil : "write ipc://PATH" }
        guard url.hasPrefix("tcp://") else { return "write tcp://HOST:PORT or ipc://PATH" }
        let place = url.dropFirst(6)
        guard let colon = place.lastIndex(of: ":"), colon != place.startIndex, !place.hasSuffix("]") else {
            return "write tcp://HOST:PORT"
        }
        let (host, port) = (place[..<colon], place[place.index(after: colon)...])
        if role == .reaching, host == "*" { return "* is for listening: name the broker's host" }
        if role == .listening, port == "*" || port == "0" { return nil }
        guard port.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let number = Int(port),
            1...65_535 ~= number
        else { return "the port must be a number from 1 to 65535" }
        return nil
    }
}
