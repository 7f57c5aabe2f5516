import HTTPTypes
import MembusDocuments
import MembusMCP
import MembusModel

/// An answer that is there as a whole.
struct Answer: Sendable {
    var status: Int
    var headers: HTTPFields = [:]
    var body: JSONValue?

    init(_ status: Int, _ body: JSONValue? = nil) {
        self.status = status
        self.body = body
        if body != nil { headers[.contentType] = "application/json" }
    }

    /// What the protocol has no code of its own for.
    static func refused(_ status: Int, _ why: String) -> Answer { .error(status, nil, .invalidRequest(why)) }

    static func error(_ status: Int, _ id: RequestID?, _ error: ProtocolError) -> Answer {
        Answer(status, Outgoing.error(id, error).json)
    }

    static func notAllowed(_ methods: String) -> Answer {
        var answer = refused(405, "the method must be one of \(methods)")
        answer.headers[.allow] = methods
        return answer
    }

    static func unsupported(_ version: String?) -> Answer { .error(400, nil, .unsupportedVersion(version ?? "")) }

    /// Of a stateless request: its errors are told by the status, too.
    static func status(of message: JSONValue) -> Int {
        guard let error = message["error"], case .integer(let code)? = error["code"] else { return 200 }
        return status(ofCode: code)
    }

    static func status(ofCode code: Int64) -> Int {
        switch code {
        case -32700, -32600, -32602, -32022...(-32020): return 400
        case -32601: return 404
        case ProtocolError.busy.code: return 503
        default: return 200
        }
    }
}

extension JSONValue {
    /// The field's value, if it is an object that has it.
    fileprivate subscript(_ name: String) -> JSONValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.name.hasSameBytes(as: name) }?.value
    }

    /// Something that was asked is answered by it; several, of a batch.
    var isAnswer: Bool {
        if case .array = self { return true }
        return self["method"] == nil
    }
}
