import Foundation
import MembusDocuments
import Testing

@testable import MembusMCP

@Suite("Headers that say what a request says")
struct RoutingHeaderTests {
    static func request(_ method: String, _ params: String = "", version: String? = "2026-07-28") throws -> Message {
        let own = version.map {
            #""_meta":{"io.modelcontextprotocol/protocolVersion":"\#($0)","io.modelcontextprotocol/clientCapabilities":{}}"#
        }
        let inside = [params, own ?? ""].filter { !$0.isEmpty }.joined(separator: ",")
        let text = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":{\#(inside)}}"#
        guard case .one(let message) = Incoming(Data(text.utf8)), case .request = message else { throw Unexpected() }
        return message
    }

    func code(_ message: Message, version: String? = "2026-07-28", _ method: String?, _ name: String? = nil) -> Int64? {
        RoutingHeaders(version: version, method: method, name: name).fault(message)?.code
    }

    @Test("what fits passes, what does not is a mismatch")
    func fits() throws {
        let list = try Self.request("tools/list")
        #expect(code(list, "tools/list") == nil && code(list, "tools/list", "whatever") == nil)
        #expect(code(list, "tools/call") == -32020 && code(list, nil) == -32020)
        #expect(code(list, version: nil, "tools/list") == -32020)
        #expect(code(list, version: "2025-11-25", "tools/list") == -32020)
        let call = try Self.request("tools/call", #""name":"read""#)
        #expect(code(call, "tools/call", "read") == nil)
        #expect(code(call, "tools/call") == -32020 && code(call, "tools/call", "write") == -32020)
        let read = try Self.request("resources/read", #""uri":"membus://main/é""#)
        #expect(code(read, "resources/read", "=?base64?bWVtYnVzOi8vbWFpbi/DqQ==?=") == nil)
    }

    @Test("a name that was left out is the method's to refuse, not the headers'")
    func missing() throws { #expect(code(try Self.request("tools/call"), "tools/call") == nil) }

    @Test("a request that does not say its version is wrong in itself, or of a version that nobody knows")
    func versionless() throws {
        let list = try Self.request("tools/list", version: nil)
        #expect(code(list, "tools/list") == -32602)
        #expect(code(list, version: "1999-01-01", "tools/list") == -32022)
    }

    @Test(
        "encoded names are read as one would write them, and not otherwise",
        arguments: [
            ("plain", "plain"), ("=?base64?YQ==?=", "a"), ("=?base64??=", ""), ("=?base64?YQ?=", nil),
            ("=?base64?YR==?=", nil),
            ("=?base64?/w==?=", nil), ("=?base64?=", "=?base64?="), ("=?base64?!?=", nil),
        ] as [(String, String?)])
    func decoding(field: String, text: String?) { #expect(RoutingHeaders.decoded(field) == text) }
}
