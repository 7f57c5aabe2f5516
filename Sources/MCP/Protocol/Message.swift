import FoundationEssentials
import Membus
import MembusDocuments
import MembusModel

/// What names a request: a string or a whole number, as the client chose it.
package enum RequestID: Hashable, Sendable {
    case number(Int64)
    case string(ByBytes)

    package var json: JSONValue {
        switch self {
        case .number(let number): .integer(number)
        case .string(let text): .string(text.text)
        }
    }

    init?(_ node: JSONNode) {
        if let text = try? node.stringIfAny() {
            self = .string(ByBytes(text))
        } else if let number = try? node.integer() {
            self = .number(number)
        } else {
            return nil
        }
    }
}

/// A message of JSON-RPC 2.0 as a client sends it.
package enum Message: Sendable {
    case request(RequestID, method: String, params: JSONNode?)
    case notification(method: String, params: JSONNode?)
    /// To something that was never asked: this server asks its clients nothing.
    case answer
    /// What it says is wrong, to be answered so. The id, where it can be told.
    case invalid(RequestID?, ProtocolError)

    /// Whether its sender is owed something.
    package var isAnswered: Bool {
        switch self {
        case .request, .invalid: true
        case .notification, .answer: false
        }
    }

    package var id: RequestID? {
        switch self {
        case .request(let id, _, _): id
        case .invalid(let id, _): id
        case .notification, .answer: nil
        }
    }
}

/// What came in one piece: a message, or several in an array, as clients of 2025-03-26 may send them.
package enum Incoming: Sendable {
    case one(Message)
    case several([Message])

    /// Deeper, larger or otherwise broken texts are answered as such; nothing else is read of them.
    package init(_ data: Data, limit: Int = Self.largest) {
        guard data.count <= limit else {
            self = .one(.invalid(nil, .invalidRequest("a message of more than \(limit) bytes")))
            return
        }
        guard Self.weight(of: data) <= Self.heaviest else {
            self = .one(
                .invalid(
                    nil,
                    .invalidRequest(
                        "a message of so many values that it takes more than \(Self.heaviest >> 20) MiB: send a large "
                            + "document as a text")))
            return
        }
        let node: JSONNode
        do throws(JSONError) { node = try JSONNode.document(data, limit: limit) } catch {
            self = .one(.invalid(nil, .parse(error.description)))
            return
        }
        guard case .array = node.json else {
            self = .one(Message(node))
            return
        }
        let elements = (try? node.elements()) ?? []
        if elements.isEmpty {
            self = .one(.invalid(nil, .invalidRequest("a batch without messages")))
        } else if elements.count > Self.longestBatch {
            self = .one(.invalid(nil, .invalidRequest("a batch of more than \(Self.longestBatch) messages")))
        } else {
            self = .several(elements.map { Message($0) })
        }
    }

    /// Of one line, or body: room for the largest value that a broker takes by default, escaped.
    package static let largest = 32 << 20
    static let longestBatch = 100
    /// Room for a string of the largest size, and for some hundred thousand numbers.
    package static let heaviest = 64 << 20

    /// About what a text takes in memory once it is taken apart: a number of one digit takes forty times its bytes. Nothing is
    /// built for it.
    package static func weight(of data: Data) -> Int {
        var (weight, isInString, isEscaped) = (data.count, false, false)
        data.withUnsafeBytes { bytes in
            for byte in bytes {
                switch byte {
                case _ where isEscaped: isEscaped = false
                case UInt8(ascii: "\\"): isEscaped = isInString
                case UInt8(ascii: "\""): isInString.toggle()
                case UInt8(ascii: ","), UInt8(ascii: "["): weight += isInString ? 0 : valueWeight
                case UInt8(ascii: "{"), UInt8(ascii: ":"): weight += isInString ? 0 : memberWeight
                default: break
                }
            }
        }
        return weight
    }
    private static let valueWeight = 80
    private static let memberWeight = 160

    /// Whether somebody waits for something to come back.
    package var isAnswered: Bool {
        switch self {
        case .one(let message): message.isAnswered
        case .several(let messages): messages.contains { $0.isAnswered }
        }
    }

    package var id: RequestID? {
        if case .one(let message) = self { return message.id }
        return nil
    }

    package var isInitialize: Bool {
        if case .one(.request(_, let method, _)) = self { return method.hasSameBytes(as: "initialize") }
        return false
    }

    /// What is wrong with it where a handshake speaks for it: it speaks for itself.
    package var faultOfHandshake: ProtocolError? {
        guard case .one(.request(_, _, let params)) = self, let version = try? RequestMeta(params).version else {
            return nil
        }
        return .headerMismatch("MCP-Protocol-Version is not what _meta says, \(version.shown)")
    }
}

extension Message {
    init(_ node: JSONNode) {
        var id: RequestID?
        do throws(JSONError) {
            var fields = try node.fields()
            let named = fields.take("id")
            id = named.flatMap { RequestID($0) }
            guard let version = fields.take("jsonrpc"), (try? version.string()) == "2.0" else {
                self = .invalid(id, .invalidRequest("\"jsonrpc\" must be \"2.0\""))
                return
            }
            guard let method = fields.take("method") else {
                let isAnswer = fields.has("result") || fields.has("error")
                self = isAnswer ? .answer : .invalid(id, .invalidRequest("\"method\" is missing"))
                return
            }
            let (name, params) = (try method.string(), fields.take("params"))
            if let params { _ = try params.fields() }
            switch (named, id) {
            case (nil, _): self = .notification(method: name, params: params)
            case (_, let id?): self = .request(id, method: name, params: params)
            case (_, nil): self = .invalid(nil, .invalidRequest("\"id\" must be a string or a whole number"))
            }
        } catch {
            self = .invalid(id, .invalidRequest(error.description))
        }
    }
}

/// An error of the protocol: the request itself was wrong, and no tool has seen it.
package struct ProtocolError: Error, Sendable {
    package var code: Int64
    package var message: String
    package var data: JSONValue?

    package static func parse(_ why: String) -> Self { Self(code: -32700, message: why) }
    package static func invalidRequest(_ why: String) -> Self { Self(code: -32600, message: why) }
    package static func unknownMethod(_ name: String) -> Self {
        Self(code: -32601, message: "there is no method \"\(name.shown)\"")
    }
    package static func invalidParams(_ why: String) -> Self { Self(code: -32602, message: why) }
    package static func inside(_ why: String) -> Self { Self(code: -32603, message: why) }
    /// Too much is under way.
    package static let busy = Self(code: -32000, message: "too many requests are under way; wait for some to end")
    package static func resourceMissing(_ uri: String, isHandshake: Bool) -> Self {
        // The code that it had until 2026.
        Self(
            code: isHandshake ? -32002 : -32602, message: "there is no resource \(uri.shown)",
            data: ["uri": .string(uri)])
    }
    package static func unsupportedVersion(_ requested: String) -> Self {
        Self(
            code: -32022, message: "protocol version \(requested.shown) is not supported",
            data: [
                "requested": .string(requested.utf8.count > 200 ? requested.shown : requested),
                "supported": .array(ProtocolVersions.all.map { .string($0) }),
            ])
    }

    /// A header says something else than the message.
    package static func headerMismatch(_ why: String) -> Self { Self(code: -32020, message: why) }

    init(_ error: JSONError) { self = .invalidParams(error.description) }

    /// What went wrong with the memory: whoever asked can mend it, or knows at least.
    init(_ error: any Error) {
        switch error {
        case let error as ProtocolError: self = error
        case let error as JSONError: self = ProtocolError(error)
        case MembusError.refused(let refusal) where refusal.code.remedy == .fixRequest,
            MembusError.timeout(_, false, let refusal?) where refusal.code.remedy == .fixRequest:
            self = .invalidParams(refusal.description)
        case MembusError.invalidName(let name): self = .invalidParams(name.description)
        default: self = .inside(Server.told(error))
        }
    }

    private init(code: Int64, message: String, data: JSONValue? = nil) {
        (self.code, self.message, self.data) = (code, message, data)
    }
}

/// What the server sends.
package enum Outgoing: Sendable {
    case result(RequestID, JSONValue)
    case error(RequestID?, ProtocolError)
    case notification(method: String, params: JSONValue)

    package var json: JSONValue {
        switch self {
        case .result(let id, let result): ["jsonrpc": "2.0", "id": id.json, "result": result]
        case .error(let id, let error):
            // The protocol's schema knows no null here: an id that cannot be told is left out.
            ["jsonrpc": "2.0"] + (id.map { ["id": $0.json] } ?? [:])
                + [
                    "error": ["code": .integer(error.code), "message": .string(error.message)]
                        + (error.data.map { ["data": $0] } ?? [:])
                ]
        case .notification(let method, let params):
            ["jsonrpc": "2.0", "method": .string(method), "params": params]
        }
    }
}

extension String {
    /// For people, within an error: a client's own text may be of any length.
    var shown: String { String(prefix(200)).escapingControlCharacters }
}
