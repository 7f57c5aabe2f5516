import Foundation
import MembusDocuments
import MembusModel
import Testing

@testable import MembusMCP

@Suite("Messages of the Model Context Protocol")
struct MessageTests {
    func read(_ text: String) -> Incoming { Incoming(Data(text.utf8)) }

    @Test("a request, a notification and an answer are told apart")
    func kinds() throws {
        guard
            case .one(.request(.number(7), let method, let params)) = read(
                #"{"jsonrpc":"2.0","id":7,"method":"ping","params":{}}"#)
        else { throw Unexpected() }
        #expect(method == "ping" && params != nil)
        guard case .one(.request(.string(let id), _, nil)) = read(#"{"jsonrpc":"2.0","id":"7","method":"ping"}"#) else {
            throw Unexpected()
        }
        #expect(id.text == "7")
        guard case .one(.notification("x", nil)) = read(#"{"jsonrpc":"2.0","method":"x"}"#) else { throw Unexpected() }
        guard case .one(.answer) = read(#"{"jsonrpc":"2.0","id":1,"result":{}}"#) else { throw Unexpected() }
        guard case .one(.answer) = read(#"{"jsonrpc":"2.0","id":1,"error":{}}"#) else { throw Unexpected() }
    }

    @Test(
        "what is no message is answered by a code that says so",
        arguments: [
            ("", -32700), ("{", -32700), ("NaN", -32700), (#"{"a":1,"a":2}"#, -32700), ("\u{FEFF}{", -32700),
            (String(repeating: "[", count: 10_000), -32700), ("[]", -32600), ("3", -32600), ("null", -32600),
            ("{}", -32600),
            (#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, -32600), (#"{"jsonrpc":2.0,"id":1,"method":"x"}"#, -32600),
            (#"{"jsonrpc":"2.0","id":1}"#, -32600), (#"{"jsonrpc":"2.0","id":1,"method":3}"#, -32600),
            (#"{"jsonrpc":"2.0","id":1.5,"method":"x"}"#, -32600),
            (#"{"jsonrpc":"2.0","id":null,"method":"x"}"#, -32600),
            (#"{"jsonrpc":"2.0","id":1e400,"method":"x"}"#, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#, -32600),
            (#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, -32600),
        ])
    func broken(text: String, code: Int) throws {
        guard case .one(.invalid(_, let error)) = read(text) else { throw Unexpected() }
        #expect(error.code == code)
        #expect(!error.message.isEmpty && error.message.utf8.count < 500)
    }

    @Test("a mistake is told by the id of the message that it is in, where that can be told")
    func ids() throws {
        guard case .one(.invalid(.number(5)?, _)) = read(#"{"jsonrpc":"2.0","id":5}"#) else { throw Unexpected() }
        guard case .one(.invalid(nil, _)) = read(#"{"jsonrpc":"2.0","id":{},"method":"x"}"#) else { throw Unexpected() }
    }

    @Test("several messages come in one array, up to a bound")
    func batches() throws {
        let one = #"{"jsonrpc":"2.0","id":1,"method":"ping"}"#
        guard case .several(let messages) = read("[\(one),3]") else { throw Unexpected() }
        #expect(messages.map(\.isAnswered) == [true, true] && read("[\(one)]").isAnswered)
        let many = Array(repeating: one, count: Incoming.longestBatch + 1).joined(separator: ",")
        guard case .one(.invalid(nil, _)) = read("[\(many)]") else { throw Unexpected() }
    }

    @Test("a text of many small values is refused before it is taken apart; one of many signs is not")
    func values() throws {
        for part in ["0,", #"{"a":0},"#] {
            let many = "[" + String(repeating: part, count: Incoming.heaviest / 80) + "0]"
            guard case .one(.invalid(nil, let error)) = read(many) else { throw Unexpected() }
            #expect(error.message.contains("values"))
        }
        let text =
            #"{"jsonrpc":"2.0","method":"x","params":{"a":"\\\""# + String(repeating: ",", count: 3_000_000) + #""}}"#
        guard case .one(.notification("x", _)) = read(text) else { throw Unexpected() }
    }

    @Test(
        "what a text takes once it is taken apart is known before: by its values and members, not by the signs in strings"
    )
    func weights() {
        func weight(_ text: String) -> Int { Incoming.weight(of: Data(text.utf8)) }
        let numbers = "[" + String(repeating: "0,", count: 1000) + "0]"
        #expect(weight(numbers) > 37 * numbers.utf8.count)
        #expect(weight(#"{"a":{"b":0}}"#) > 4 * 160)
        let text = #"","# + String(repeating: #",[{:\""#, count: 1000) + #"""#
        #expect(weight(text) <= text.utf8.count + 80)
    }

    @Test("an error carries the id as it came, and none where there is none")
    func errors() {
        #expect(
            Outgoing.error(.string(ByBytes("a")), .busy).json.line
                == #"{"jsonrpc":"2.0","id":"a","error":{"code":-32000,"message":"\#(ProtocolError.busy.message)"}}"#)
        #expect(!Outgoing.error(nil, .busy).json.line.contains("\"id\""))
    }

    @Test("a version that is asked for is agreed on, or the newest that there is")
    func versions() {
        #expect(ProtocolVersions.agreed("2025-03-26") == "2025-03-26")
        #expect(ProtocolVersions.agreed("2024-11-05") == "2025-11-25")
        #expect(ProtocolVersions.agreed("2026-07-28") == "2025-11-25", "that one has no handshake")
        #expect(ProtocolVersions.isKnown("2026-07-28") && !ProtocolVersions.isOfHandshake("2026-07-28"))
        #expect(Era.handshake(version: "2025-06-18").result(["a": 1], caching: .never) == ["a": 1])
        let line = Era.stateless.result(["a": 1], caching: .never).line
        #expect(line.contains(#""resultType":"complete""#) && line.contains(#""ttlMs":0"#))
    }
}

struct Unexpected: Error {}
