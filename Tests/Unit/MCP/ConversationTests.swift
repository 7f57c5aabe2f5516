import Foundation
import Membus
import MembusDocuments
import Testing

@testable import MembusMCP

/// Without a broker: what is said about conversations alone.
@Suite("A client's conversation")
struct ConversationTests {
    actor Heard {
        private(set) var lines: [String] = []
        func add(_ message: JSONValue) { lines.append(message.line) }
        func until(_ count: Int) async throws -> [String] {
            for _ in 0..<1000 where lines.count < count { try await Task.sleep(for: .milliseconds(5)) }
            try #require(lines.count >= count, "only \(lines)")
            return lines
        }
    }

    let heard = Heard()
    let conversation: Conversation

    init() {
        let server = Server(Memories { _ in throw MembusError.closed }, agent: nil)
        conversation = Conversation(server: server) { [heard] in await heard.add($0) }
    }

    static let meta =
        #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#

    static func listen(_ id: Int) -> String {
        #"{"jsonrpc":"2.0","id":\#(id),"method":"subscriptions/listen","params":{"notifications":{},\#(meta)}}"#
    }

    @discardableResult
    func say(_ text: String, through outlet: Outlet? = nil) async -> [Task<Void, Never>] {
        await conversation.take(Incoming(Data(text.utf8)), through: outlet)
    }

    @Test("who neither shook hands nor says the version of a request is told so")
    func strangers() async throws {
        await say(#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#)
        #expect(try await heard.until(1)[0].contains("-32602"))
        await say(#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#)
        #expect(try await heard.until(2)[1] == #"{"jsonrpc":"2.0","id":2,"result":{}}"#)
    }

    @Test("after a handshake its version holds, beside requests that say theirs")
    func handshake() async throws {
        await say(
            #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"x"}}}"#
        )
        #expect(try await heard.until(1)[0].contains(#""protocolVersion":"2025-06-18""#))
        #expect(await conversation.version == "2025-06-18")
        #expect(await !conversation.takesBatches)
        await say(#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#)
        #expect(try await !heard.until(2)[1].contains("resultType"))
        await say(#"{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{\#(Self.meta)}}"#)
        #expect(try await heard.until(3)[2].contains("resultType"))
    }

    @Test("what comes right behind a handshake finds it made")
    func pipelined() async throws {
        async let greeting: Void = {
            await say(
                #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"x"}}}"#
            )
            await say(#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#)
        }()
        await greeting
        let lines = try await heard.until(2)
        #expect(lines[0].contains("protocolVersion") && lines[1].contains(#""tools""#))
    }

    @Test("an id that is under way is not taken twice")
    func twice() async throws {
        await say(Self.listen(1))
        _ = try await heard.until(1)
        await say(Self.listen(1))
        #expect(try await heard.until(2)[1].contains("under way"))
        await conversation.end()
    }

    @Test("what is cancelled is not answered, and its place is free")
    func cancelling() async throws {
        let tasks = await say(Self.listen(1))
        _ = try await heard.until(1)
        await say(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
        for task in tasks { await task.value }
        await say(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
        await say(Self.listen(1))
        let lines = try await heard.until(2)
        #expect(lines.allSatisfy { $0.contains("acknowledged") })
        await conversation.end()
    }

    @Test("more requests than there may be at once are refused, each by its id")
    func bounded() async throws {
        for id in 0..<Conversation.mostUnderWay { await say(Self.listen(id)) }
        await say(Self.listen(999))
        let lines = try await heard.until(Conversation.mostUnderWay + 1)
        #expect(lines.filter { $0.contains(#""id":999"#) && $0.contains("-32000") }.count == 1)
        await conversation.end()
    }

    @Test("messages that are under way hold no more memory than they may, all together")
    func heavy() async throws {
        for id in 0..<3 {
            await conversation.take(Incoming(Data(Self.listen(id).utf8)), weight: Conversation.mostHeld / 2)
        }
        let lines = try await heard.until(3)
        #expect(lines.filter { $0.contains(#""id":2"#) && $0.contains("-32000") }.count == 1)
        await say(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#)
        // Its place is free a moment later.
        let third = #""io.modelcontextprotocol/subscriptionId":3"#
        for _ in 0..<1000 where await !heard.lines.contains(where: { $0.contains(third) }) {
            await conversation.take(Incoming(Data(Self.listen(3).utf8)), weight: Conversation.mostHeld / 2)
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(await heard.lines.contains { $0.contains(third) })
        await conversation.end()
    }

    @Test("what is said on the way goes where the answer goes")
    func outlets() async throws {
        let other = Heard()
        await say(Self.listen(1), through: { await other.add($0) })
        #expect(try await other.until(1)[0].contains("acknowledged"))
        await conversation.end(sayingGoodbye: true)
        #expect(try await other.until(2)[1].contains(#""io.modelcontextprotocol/subscriptionId":1"#))
        #expect(await heard.lines.isEmpty)
    }

    @Test("who hears no goodbye hears nothing")
    func ending() async throws {
        await say(Self.listen(1))
        _ = try await heard.until(1)
        await conversation.end()
        await say(#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#)
        #expect(try await heard.until(2)[1].contains("-32000"))
    }

    @Test("names of clients become agents' names, cut off where a broker takes no more bytes of them")
    func names() {
        let server = Server(Memories { _ in throw MembusError.closed }, agent: nil)
        #expect(server.named("Claude\u{7} Code") == "Claude Code")
        #expect(server.named(nil) == "mcp-client" && server.named("\u{0}") == "mcp-client")
        for sign in ["x", "\u{E9}", "\u{20AC}", "\u{1F600}"] {
            let name = server.named(String(repeating: sign, count: 300))
            #expect(name.utf8.count <= 200 && name.utf8.count > 196)
        }
        #expect(Server(Memories { _ in throw MembusError.closed }, agent: "ada").named("x") == "ada")
    }

    @Test(
        "of lists that are told at once nobody has a cursor",
        arguments: ["tools/list", "prompts/list", "resources/templates/list"])
    func cursors(method: String) async throws {
        for (id, cursor) in [(1, #""x""#), (2, "3"), (3, #""""#)] {
            await say(
                #"{"jsonrpc":"2.0","id":\#(id),"method":"\#(method)","params":{"cursor":\#(cursor),\#(Self.meta)}}"#)
            #expect(try await heard.until(id)[id - 1].contains("-32602"))
        }
        await say(#"{"jsonrpc":"2.0","id":4,"method":"\#(method)","params":{"cursor":null,\#(Self.meta)}}"#)
        #expect(try await heard.until(4)[3].contains("result"))
    }

    @Test("several messages are answered in one array, also if one of them is cancelled")
    func batches() async throws {
        let ping = #"{"jsonrpc":"2.0","id":"a","method":"ping"}"#
        let tasks = await say("[\(ping),\(Self.listen(7)),3]")
        _ = try await heard.until(1)
        await say(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#)
        for task in tasks { await task.value }
        let last = try await heard.until(2)[1]
        #expect(
            last.hasPrefix("[") && last.contains(#""id":"a""#) && last.contains("-32600") && !last.contains(#""id":7"#))
    }
}
