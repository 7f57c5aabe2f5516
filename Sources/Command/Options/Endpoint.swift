import MembusBus

/// Checks of endpoints that ZeroMQ makes no fuss about: it takes a port beyond 65535 for another one.
enum Endpoint {
    /// Who uses the endpoint: a broker that listens may leave the port to the system.
    enum Role { case listening, advertised, reaching }

    /// What is wrong with `url`; `nil` if nothing is.
    static func fault(_ url: String, _ role: Role) -> String? {
        let host: Address.Host
        let port: String
        do {
            guard case .tcp(let named, let number) = try Address(url) else { return nil }
            (host, port) = (named, number)
        } catch { return error.description }
        switch host {
        case .every where role == .reaching: return "* is for listening: name the broker's host"
        case .ipv6(let address) where address.isEvery && role == .reaching:
            return "[::] is for listening: name the broker's host"
        case .ipv6(let address) where address.isLinkLocal && address.zone == nil && role != .advertised:
            return "a link-local address needs an interface: [\(address.text)%INTERFACE]"
        case .every, .name, .ipv6: break
        }
        if role == .listening, port == "*" || port == "0" { return nil }
        guard port.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), let number = Int(port),
            1...65_535 ~= number
        else { return "the port must be a number from 1 to 65535" }
        return nil
    }
}
