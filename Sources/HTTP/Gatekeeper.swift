import FoundationEssentials
import HTTPTypes
import MembusModel

// Who may come in. There are no rights yet, so whoever reaches the memory can read and write everything:
//
//   listening on loopback, without a token: this machine's own programs; web pages are kept out by the names in Host (a name
//       that an attacker points at 127.0.0.1 is none of ours) and Origin (a page that says where it is from)
//   with a token: whoever knows it, by whatever name the server is reached; web pages by Origin, too
//
// A browser asks before (OPTIONS), without the token, and shows a page nothing that it is not told to share: both are for pages of
// those origins alone that may come in.
struct Gatekeeper: Sendable {
    /// `nil`: none is asked for.
    private let token: [UInt8]?
    /// Of web pages that may come, besides those of this machine.
    private let origins: Set<ByBytes>

    init(token: String?, origins: [String]) {
        self.token = token.map { Array($0.utf8) }
        self.origins = Set(origins.map { ByBytes($0) })
    }

    /// Why a request may not come in; `nil` if it may.
    func refusal(_ head: HTTPRequest) -> Answer? {
        if token == nil, !(Authority(head.authority ?? "")?.isLoopback ?? false) {
            return .refused(403, "Host must be this machine's own name: localhost, 127.0.0.1 or [::1]")
        }
        for origin in head.headerFields[values: .origin] where !isKnown(origin: origin) {
            return .refused(403, "web pages of this Origin may not come in; --allow-origin lets them")
        }
        // Tells nothing but what the origin has come in for.
        if RequestHead.isPreflight(head) { return nil }
        guard let token else { return nil }
        let given = head.headerFields[values: .authorization]
        if given.count == 1, let bearer = Self.bearer(given[0]), Self.areEqual(bearer, token) { return nil }
        var answer = Answer.refused(
            401, given.isEmpty ? "a bearer token is needed: Authorization: Bearer TOKEN" : "the bearer token is wrong")
        answer.headers[.wwwAuthenticate] =
            given.isEmpty ? "Bearer realm=\"membus\"" : "Bearer realm=\"membus\", error=\"invalid_token\""
        return answer
    }

    /// What a browser has to be told so that a page hears the answer; nothing where the request is of no page, or of another's.
    func sharing(with head: HTTPRequest) -> HTTPFields {
        let origins = head.headerFields[values: .origin]
        guard origins.count == 1, isKnown(origin: origins[0]) else { return [:] }
        return [
            .accessControlAllowOrigin: origins[0], .vary: "Origin",
            .accessControlExposeHeaders: "Mcp-Session-Id, MCP-Protocol-Version",
        ]
    }

    static func preflight(_ head: RequestHead) -> Answer {
        var answer = Answer(204)
        answer.headers[.accessControlAllowMethods] = "GET, POST, DELETE"
        answer.headers[.accessControlAllowHeaders] =
            "Accept, Authorization, Content-Type, Last-Event-ID, Mcp-Method, Mcp-Name, Mcp-Session-Id, MCP-Protocol-Version"
        answer.headers[.accessControlMaxAge] = "7200"
        if head.asksForPrivateNetwork { answer.headers[.allowPrivateNetwork] = "true" }
        return answer
    }

    private func isKnown(origin: String) -> Bool {
        origins.contains(ByBytes(origin)) || Origin(origin)?.isLoopback ?? false
    }

    private static func bearer(_ field: String) -> [UInt8]? {
        let words = field.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased().hasSameBytes(as: "bearer") else { return nil }
        return Array(words[1].utf8)
    }

    /// Takes as long for a guess that begins rightly as for any other.
    static func areEqual(_ guess: [UInt8], _ token: [UInt8]) -> Bool {
        var difference = guess.count ^ token.count
        for (place, byte) in guess.enumerated() { difference |= Int(byte ^ token[place % token.count]) }
        return difference == 0
    }
}

extension HTTPField.Name {
    // Names that are ours to spell: each is a token of RFC 9110.
    static let sessionID = HTTPField.Name("Mcp-Session-Id")!
    static let protocolVersion = HTTPField.Name("MCP-Protocol-Version")!
    static let rpcMethod = HTTPField.Name("Mcp-Method")!
    static let rpcName = HTTPField.Name("Mcp-Name")!
}
