import HTTPTypes
import MembusMCP
import MembusModel

/// What the protocol asks of a request's headers.
struct RequestHead: Sendable {
    private let head: HTTPRequest

    init(_ head: HTTPRequest) { self.head = head }

    var method: HTTPRequest.Method { head.method }
    /// Without what follows a question mark.
    var path: Substring { (head.path ?? "").prefix { $0 != "?" } }
    var session: String? { head.headerFields[.sessionID] }
    var version: String? { head.headerFields[.protocolVersion] }

    var isOfHandshake: Bool { version.map { ProtocolVersions.isOfHandshake($0) } ?? true }

    /// A browser asks whether a page may ask.
    var isPreflight: Bool { Self.isPreflight(head) }
    static func isPreflight(_ head: HTTPRequest) -> Bool {
        head.method == .options && head.headerFields[.origin] != nil
            && head.headerFields[.accessControlRequestMethod] != nil
    }
    var asksForPrivateNetwork: Bool {
        head.headerFields[.requestPrivateNetwork].map { $0.hasSameBytes(as: "true") } ?? false
    }

    var wantsContinue: Bool { head.headerFields[.expect]?.lowercased().hasSameBytes(as: "100-continue") ?? false }

    /// For what else reads nothing but headers; `nil`: one of them is there twice, and readers would differ in which counts.
    var routing: RoutingHeaders? {
        let names: [HTTPField.Name] = [.protocolVersion, .rpcMethod, .rpcName]
        guard names.allSatisfy({ head.headerFields[values: $0].count < 2 }) else { return nil }
        return RoutingHeaders(
            version: version, method: head.headerFields[.rpcMethod], name: head.headerFields[.rpcName])
    }

    var isJSON: Bool {
        let type = (head.headerFields[.contentType] ?? "").prefix { $0 != ";" }
        return Self.plain(type).hasSameBytes(as: "application/json")
    }

    func accepts(_ type: String) -> Bool {
        let family = type.prefix { $0 != "/" } + "/*"
        return head.headerFields[values: .accept].contains { field in
            field.split(separator: ",").contains { part in
                let named = Self.plain(part.prefix { $0 != ";" })
                return [type, String(family), "*/*"].contains { $0.hasSameBytes(as: named) }
            }
        }
    }

    private static func plain(_ text: Substring) -> String {
        var rest = text
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest.lowercased()
    }
}

extension HTTPField.Name {
    // A token of RFC 9110.
    fileprivate static let expect = HTTPField.Name("Expect")!
    fileprivate static let requestPrivateNetwork = HTTPField.Name("Access-Control-Request-Private-Network")!
    static let allowPrivateNetwork = HTTPField.Name("Access-Control-Allow-Private-Network")!
}
