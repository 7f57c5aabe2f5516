import MembusDocuments
import MembusModel

// Two eras of the protocol on one connection:
//
//   handshake  2025-03-26 to 2025-11-25: `initialize` first; the version holds for all that follows
//   stateless  2026-07-28: each request says its version, client and capabilities in `_meta`; results say `resultType`, and
//              how long they may be kept
//
// Requests of both may come in any order: a client finds out by `server/discover` what it talks to.

package enum ProtocolVersions {
    package static let stateless = "2026-07-28"
    /// The newest first.
    static let handshake = ["2025-11-25", "2025-06-18", "2025-03-26"]
    static let all = [stateless] + handshake

    package static func isKnown(_ version: String) -> Bool { all.contains { $0.hasSameBytes(as: version) } }
    package static func isOfHandshake(_ version: String) -> Bool { handshake.contains { $0.hasSameBytes(as: version) } }

    /// What a handshake is answered by: what was asked for, or the newest that there is.
    static func agreed(_ requested: String) -> String { handshake.contains(requested) ? requested : handshake[0] }
}

/// How one request is to be answered.
package enum Era: Hashable, Sendable {
    case handshake(version: String)
    case stateless

    package var isHandshake: Bool { self != .stateless }

    /// What lists and resources say of how long they hold. Memory changes at any time, and nobody is told how old an answer
    /// may be: whoever needs to know subscribes.
    enum Caching {
        case never
        /// What does not change while the server runs.
        case steady
    }

    /// A result as this era has it.
    /// - Parameter meta: what is to be said beside what the protocol, or a tool, has a place for.
    func result(_ content: JSONValue, caching: Caching? = nil, meta: JSONValue = [:]) -> JSONValue {
        guard self == .stateless else { return meta == [:] ? content : content + ["_meta": meta] }
        var result = content + ["resultType": "complete"]
        switch caching {
        case .never?: result = result + ["ttlMs": 0, "cacheScope": "private"]
        case .steady?: result = result + ["ttlMs": 3_600_000, "cacheScope": "public"]
        case nil: break
        }
        return result + ["_meta": meta + ["io.modelcontextprotocol/serverInfo": Implementation.own]]
    }
}

/// Who speaks.
enum Implementation {
    static let own: JSONValue = [
        "name": "membus", "title": "Membus: shared memory for teams of agents", "version": "0.1.0",
    ]
}

/// What a request says of itself besides what it asks for.
package struct RequestMeta: Sendable {
    /// `nil`: it speaks for itself by a handshake.
    package var version: String?
    package var clientName: String?
    package var progressToken: RequestID?
    /// Of the W3C's trace context.
    package var traceparent: String?

    init(_ params: JSONNode?) throws(ProtocolError) {
        do throws(JSONError) {
            guard var fields = try params?.fields(), var meta = try fields.take("_meta")?.fields() else { return }
            version = try meta.take("io.modelcontextprotocol/protocolVersion")?.string()
            progressToken = meta.take("progressToken").flatMap { RequestID($0) }
            traceparent = meta.take("traceparent").flatMap { try? $0.string() }
            if var client = try meta.take("io.modelcontextprotocol/clientInfo")?.fields() {
                clientName = try client.take("name")?.string()
            }
            if version != nil, !meta.has("io.modelcontextprotocol/clientCapabilities") {
                throw JSONError(path: "_meta", reason: "\"io.modelcontextprotocol/clientCapabilities\" is missing")
            }
        } catch {
            throw ProtocolError(error)
        }
    }
}
