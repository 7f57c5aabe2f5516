import FoundationEssentials
import MembusDocuments
import MembusModel

// What a stateless request says of itself in headers of HTTP, so that what stands in between can route it without reading it.
// They must say what the message says: who routes by the one must not be led past what the other does.
//
//   MCP-Protocol-Version   _meta's protocolVersion
//   Mcp-Method             method
//   Mcp-Name               name, or uri, of what is called, got or read; =?base64?…?= where a header could not hold it

package struct RoutingHeaders: Sendable {
    private let version: String?
    private let method: String?
    private let name: String?

    package init(version: String?, method: String?, name: String?) {
        self.version = version
        self.method = method
        self.name = name
    }

    /// The parameter that is told in a header.
    private static func named(_ method: String) -> String? {
        switch method {
        case "tools/call", "prompts/get": "name"
        case "resources/read": "uri"
        default: nil
        }
    }

    /// Why a request must not be answered; `nil` if nothing is wrong.
    package func fault(_ message: Message) -> ProtocolError? {
        guard case .request(_, let asked, let params) = message else { return nil }
        let meta: RequestMeta
        do throws(ProtocolError) { meta = try RequestMeta(params) } catch { return error }
        guard let said = meta.version else {
            if let version, !ProtocolVersions.isKnown(version) { return .unsupportedVersion(version) }
            return .invalidParams("_meta lacks \"io.modelcontextprotocol/protocolVersion\"")
        }
        guard Self.areSame(version, said) else {
            return .headerMismatch("MCP-Protocol-Version is not what _meta says, \(said.shown)")
        }
        guard Self.areSame(method, asked) else {
            return .headerMismatch("Mcp-Method is not the request's method, \(asked.shown)")
        }
        if let field = Self.named(asked), var fields = try? params?.fields(), let node = fields.take(field),
            let value = try? node.string(), !Self.areSame(name.flatMap(Self.decoded), value)
        {
            return .headerMismatch("Mcp-Name is not the request's \(field), \(value.shown)")
        }
        return nil
    }

    private static func areSame(_ header: String?, _ value: String) -> Bool {
        header.map { $0.hasSameBytes(as: value) } ?? false
    }

    /// - Returns: `nil`: it says that it is encoded, and is not, or not as one would.
    static func decoded(_ field: String) -> String? {
        let (start, end) = ("=?base64?", "?=")
        guard field.utf8.count >= start.utf8.count + end.utf8.count, field.hasPrefix(start), field.hasSuffix(end) else {
            return field
        }
        let inside = String(field.dropFirst(start.count).dropLast(end.count))
        guard let data = Data(base64Encoded: inside), data.base64EncodedString().hasSameBytes(as: inside) else {
            return nil
        }
        return String(validating: data, as: UTF8.self)
    }
}
