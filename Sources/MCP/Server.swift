import Membus
import MembusDocuments
import MembusModel

/// What a client's requests come to, whatever carries them. The list of all methods is in ``answer(_:_:_:_:)``.
package struct Server: Sendable {
    /// What the tools are about.
    package enum Face: Sendable {
        /// Records, transactions, topics.
        case records
        /// Entities, relations and observations, as the reference memory server has them.
        case graph
    }

    let memories: Memories
    let room = Room()
    private let agent: String?
    private let tools: [Tool]
    private let toolsByName: [ByBytes: Tool]
    private let face: Face

    /// - Parameter agent: who writes; `nil`: who the client says it is.
    package init(_ memories: Memories, agent: String?, face: Face = .records) {
        self.memories = memories
        self.agent = agent
        self.face = face
        tools = face == .graph ? Tool.graph : Tool.records
        toolsByName = Dictionary(uniqueKeysWithValues: tools.map { (ByBytes($0.name), $0) })
    }

    /// - Returns: `nil`: it was cancelled, and nobody waits for anything.
    func answer(
        _ method: String, _ params: JSONNode?, _ context: Context, _ conversation: Conversation
    ) async throws(ProtocolError) -> JSONValue? {
        let era = context.era
        switch method {
        case "initialize" where era.isHandshake: return try await initialize(params, conversation)
        case "ping" where era.isHandshake: return [:]
        case "server/discover" where !era.isHandshake: return discover(era)
        case "tools/list", "prompts/list", "resources/templates/list":
            try Self.refuseCursor(params)
            return era.result(steadyList(method), caching: .steady)
        case "tools/call": return try await call(params, context)
        case "prompts/get": return try Prompt.get(params, era)
        case "completion/complete": return try await complete(params, context)
        case "resources/list": return try await listResources(params, context)
        case "resources/read": return try await readResource(params, context)
        case "resources/subscribe" where era.isHandshake: return try await subscribe(params, context, conversation)
        case "resources/unsubscribe" where era.isHandshake: return try await unsubscribe(params, conversation)
        case "subscriptions/listen" where !era.isHandshake: return try await listen(params, context)
        default: throw .unknownMethod(method)
        }
    }

    /// What is the same for as long as the server runs.
    private func steadyList(_ method: String) -> JSONValue {
        switch method {
        case "tools/list": ["tools": .array(tools.map(\.listed))]
        case "prompts/list": ["prompts": Prompt.listed]
        default: ["resourceTemplates": ResourceURI.templates]
        }
    }

    // MARK: Who is there

    private func initialize(_ params: JSONNode?, _ conversation: Conversation) async throws(ProtocolError) -> JSONValue
    {
        let (requested, name): (String, String?)
        do throws(JSONError) {
            guard var fields = try params?.fields() else { throw JSONError(path: "", reason: "params are missing") }
            requested = try fields.need("protocolVersion").string()
            var client = try fields.take("clientInfo")?.fields()
            name = try client?.take("name")?.string()
        } catch {
            throw ProtocolError(error)
        }
        let version = ProtocolVersions.agreed(requested)
        await conversation.shakeHands(version, with: name)
        // So that the first call finds it connected.
        let (memories, agent) = (memories, named(name))
        if memories.isEager { Task { _ = try? await memories.seat(of: agent) } }
        return [
            "protocolVersion": .string(version), "capabilities": capabilities, "serverInfo": Implementation.own,
            "instructions": .string(instructions),
        ]
    }

    private func discover(_ era: Era) -> JSONValue {
        era.result(
            [
                "supportedVersions": .array(ProtocolVersions.all.map { .string($0) }), "capabilities": capabilities,
                "instructions": .string(instructions),
            ], caching: .steady)
    }

    private var capabilities: JSONValue {
        ["tools": [:], "resources": ["subscribe": true], "prompts": [:], "completions": [:]]
    }

    private var instructions: String {
        face == .graph ? Prompt.graphInstructions : Prompt.instructions
    }

    /// The author of what a client writes. Names of clients are theirs to choose: what no agent may be called is replaced.
    func named(_ client: String?) -> String {
        if let agent { return agent }
        var text = ""
        for scalar in (client ?? "").unicodeScalars where scalar.properties.generalCategory != .control {
            guard text.utf8.count + UTF8.width(scalar) <= Self.longestName else { break }
            text.unicodeScalars.append(scalar)
        }
        return text.isEmpty ? "mcp-client" : text
    }
    /// In bytes; a broker takes 256, unless it is told otherwise.
    private static let longestName = 200

    func seat(for context: Context) async throws(ProtocolError) -> Seat {
        do { return try await memories.seat(of: named(context.clientName)) } catch {
            throw ProtocolError(error)
        }
    }

    // MARK: Tools

    private func call(
        _ params: JSONNode?, _ context: Context
    ) async throws(ProtocolError) -> JSONValue? {
        let (tool, given): (Tool, JSONNode?)
        do throws(JSONError) {
            guard var fields = try params?.fields() else { throw JSONError(path: "", reason: "params are missing") }
            let name = try fields.need("name").string()
            guard let found = toolsByName[ByBytes(name)] else {
                throw JSONError(path: "", reason: "there is no tool \"\(name.shown)\"")
            }
            (tool, given) = (found, fields.take("arguments"))
        } catch {
            throw ProtocolError(error)
        }
        do {
            let seat = try await memories.seat(of: named(context.clientName))
            let arguments = try Arguments(given, branch: seat.memory.branch)
            let token = context.meta.progressToken
            let call = Call(
                seat: seat, agent: named(context.clientName), era: context.era, meta: context.meta, part: context.part
            ) {
                guard let token else { return }
                await context.notify(
                    "notifications/progress",
                    ["progressToken": token.json, "progress": .integer($0), "message": .string($1)])
            }
            return try await tool.call(arguments, call).json(context.era)
        } catch is CancellationError {
            return nil
        } catch {
            // The model can mend it, or knows at least: it is no fault of the protocol.
            return ToolResult.failure(Self.told(error), context.era)
        }
    }

    /// What happened, to which thing, what to do next.
    static func told(_ error: any Error) -> String {
        switch error {
        case let error as MembusError: error.description
        case let error as JSONError: "\(error)"
        case let error as Refusal: error.description
        default: "\(error)"
        }
    }
}
