import Membus
import MembusDocuments
import MembusModel

// The nine tools of the reference memory server, with its names, arguments, results and words, so that people switch by one
// line of configuration.

extension Tool {
    static let graph: [Tool] = [
        createEntities, createRelations, addObservations, deleteEntities, deleteObservations, deleteRelations,
        readGraph, searchNodes, openNodes,
    ]

    private static let entity = Schema.object(
        [
            "name": Schema.text("The name of the entity"), "entityType": Schema.text("The type of the entity"),
            "observations": Schema.list(
                of: ["type": "string"], "An array of observation contents associated with the entity"),
        ], required: ["name", "entityType", "observations"])
    private static let relation = Schema.object(
        [
            "from": Schema.text("The name of the entity where the relation starts"),
            "to": Schema.text("The name of the entity where the relation ends"),
            "relationType": Schema.text("The type of the relation"),
        ], required: ["from", "to", "relationType"])
    private static let entities = Schema.list(of: entity, "Entities")
    private static let relations = Schema.list(of: relation, "Relations")
    private static let wholeGraph = Schema.result(
        ["entities": entities, "relations": relations], required: ["entities", "relations"])
    private static let done = Schema.result(
        ["success": ["type": "boolean"], "message": ["type": "string"]], required: ["success", "message"])

    // MARK: Adding

    private static let createEntities = Tool(
        name: "create_entities", title: "Create Entities",
        description: "Create multiple new entities in the knowledge graph", effect: .settles,
        arguments: ["entities": entities], required: ["entities"],
        output: Schema.result(["entities": entities], required: ["entities"])
    ) { given, call in
        var given = given
        let wanted = try given.need("entities").elements().map { (node) throws(JSONError) in try Entity(node) }
        let (created, token) = try await call.change("create_entities") { draft in
            var created: [Entity] = []
            let there = try await draft.get(try wanted.map { try $0.key().text })
            for entity in wanted {
                let key = try entity.key()
                let isThere = there[key] != nil || created.contains { $0.name.hasSameBytes(as: entity.name) }
                if isThere { continue }
                draft.put(key.text, json: entity.json.line)
                created.append(entity)
            }
            return created
        }
        let shown = JSONValue.array(created.map(\.json))
        return ToolResult(content: ["entities": shown], text: shown, meta: .meta(token))
    }

    private static let createRelations = Tool(
        name: "create_relations", title: "Create Relations",
        description:
            "Create multiple new relations between entities in the knowledge graph. Relations should be in active voice",
        effect: .settles, arguments: ["relations": relations], required: ["relations"],
        output: Schema.result(["relations": relations], required: ["relations"])
    ) { given, call in
        var given = given
        let wanted = try given.need("relations").elements().map { (node) throws(JSONError) in try Relation(node) }
        let (created, token) = try await call.change("create_relations") { draft in
            var created: [Relation] = []
            let ends = try wanted.flatMap { try [Entity.key(of: $0.from).text, Entity.key(of: $0.to).text] }
            let entities = try await draft.get(ends)
            let there = try await draft.get(try wanted.map { try $0.key().text })
            for relation in wanted {
                for name in [relation.from, relation.to] where entities[try Entity.key(of: name)] == nil {
                    throw JSONError.noEntity(name)
                }
                let key = try relation.key()
                if there[key] != nil || created.contains(relation) { continue }
                draft.put(key.text, json: relation.json.line, links: try relation.links())
                created.append(relation)
            }
            return created
        }
        let shown = JSONValue.array(created.map(\.json))
        return ToolResult(content: ["relations": shown], text: shown, meta: .meta(token))
    }

    private static let addObservations = Tool(
        name: "add_observations", title: "Add Observations",
        description: "Add new observations to existing entities in the knowledge graph", effect: .settles,
        arguments: [
            "observations": Schema.list(
                of: Schema.object(
                    [
                        "entityName": Schema.text("The name of the entity to add the observations to"),
                        "contents": Schema.list(of: ["type": "string"], "An array of observation contents to add"),
                    ], required: ["entityName", "contents"]), "Observations")
        ],
        required: ["observations"],
        output: Schema.result(
            ["results": Schema.list(of: ["type": "object"], "What was added")], required: ["results"])
    ) { given, call in
        var given = given
        let wanted = try observations(try given.need("observations"), "contents")
        let (added, token) = try await call.change("add_observations") { draft in
            var added: [JSONValue] = []
            var entities = try await draft.entities(wanted.map(\.name))
            for one in wanted {
                guard var entity = entities[ByBytes(one.name)] else { throw JSONError.noEntity(one.name) }
                let new = one.texts.filter { !entity.observations.contains($0) }
                entity.observations += new
                entities[ByBytes(one.name)] = entity
                added.append([
                    "entityName": .string(one.name), "addedObservations": .array(new.map { .string($0.text) }),
                ])
            }
            try draft.put(wanted.map(\.name), of: entities)
            return added
        }
        return ToolResult(content: ["results": .array(added)], text: .array(added), meta: .meta(token))
    }

    private static func observations(
        _ node: JSONNode, _ field: String
    ) throws(JSONError) -> [(name: String, texts: [ByBytes])] {
        try TransactionDocument.list(node) { (element) throws(JSONError) in
            var fields = try element.fields()
            let one = (name: try fields.need("entityName").string(), texts: try fields.need(field).texts())
            return one
        }
    }

    // MARK: Taking away

    private static let deleteEntities = Tool(
        name: "delete_entities", title: "Delete Entities",
        description: "Delete multiple entities and their associated relations from the knowledge graph",
        effect: .writes,
        arguments: ["entityNames": Schema.list(of: ["type": "string"], "An array of entity names to delete")],
        required: ["entityNames"], output: done
    ) { given, call in
        var given = given
        let names = try given.need("entityNames").texts()
        let (absent, token) = try await GraphDeletion(of: names, call).run()
        let missing = names.filter { absent.contains($0) }
        return ToolResult(
            done: missing.isEmpty
                ? "Entities deleted successfully"
                : "Deleted \(names.count - missing.count) of \(names.count) entities. "
                    + "Not found: \(missing.map(\.text).joined(separator: ", "))", token)
    }

    private static let deleteObservations = Tool(
        name: "delete_observations", title: "Delete Observations",
        description: "Delete specific observations from entities in the knowledge graph", effect: .writes,
        arguments: [
            "deletions": Schema.list(
                of: Schema.object(
                    [
                        "entityName": Schema.text("The name of the entity containing the observations"),
                        "observations": Schema.list(of: ["type": "string"], "An array of observations to delete"),
                    ], required: ["entityName", "observations"]), "Deletions")
        ],
        required: ["deletions"], output: done
    ) { given, call in
        var given = given
        let wanted = try observations(try given.need("deletions"), "observations")
        let ((deleted, missing), token) = try await call.change("delete_observations") { draft in
            var (deleted, missing) = (0, [String]())
            var entities = try await draft.entities(wanted.map(\.name))
            for one in wanted {
                guard var entity = entities[ByBytes(one.name)] else {
                    missing.append(one.name)
                    continue
                }
                let before = entity.observations.count
                entity.observations.removeAll { one.texts.contains($0) }
                deleted += before - entity.observations.count
                entities[ByBytes(one.name)] = entity
            }
            try draft.put(wanted.map(\.name), of: entities)
            return (deleted, missing)
        }
        let requested = wanted.map(\.texts.count).reduce(0, +)
        return ToolResult(
            done: deleted == requested
                ? "Observations deleted successfully"
                : "Deleted \(deleted) of \(requested) observations."
                    + (missing.isEmpty ? "" : " Entities not found: \(missing.joined(separator: ", "))"), token)
    }

    private static let deleteRelations = Tool(
        name: "delete_relations", title: "Delete Relations",
        description: "Delete multiple relations from the knowledge graph", effect: .writes,
        arguments: ["relations": Schema.list(of: relation, "An array of relations to delete")],
        required: ["relations"], output: done
    ) { given, call in
        var given = given
        let wanted = try given.need("relations").elements().map { (node) throws(JSONError) in try Relation(node) }
        let (deleted, token) = try await call.change("delete_relations") { draft in
            let there = try await draft.get(try wanted.map { try $0.key().text })
            let found = Set(try wanted.map { try $0.key() }).filter { there[$0] != nil }
            for key in found { draft.delete(key.text) }
            return found.count
        }
        return ToolResult(
            done: deleted == wanted.count
                ? "Relations deleted successfully"
                : "Deleted \(deleted) of \(wanted.count) relations. The rest matched nothing.", token)
    }

    // MARK: Reading

    private static let readGraph = Tool(
        name: "read_graph", title: "Read Graph", description: "Read the entire knowledge graph", effect: .reads,
        arguments: [:], output: wholeGraph
    ) { _, call in
        try await call.graph(nil)
    }

    private static let searchNodes = Tool(
        name: "search_nodes", title: "Search Nodes",
        description: "Search for nodes in the knowledge graph based on a query", effect: .reads,
        arguments: [
            "query": [
                "type": "string", "maxLength": 2048,
                "description": "The search query to match against entity names, types, and observation content",
            ]
        ],
        required: ["query"], output: wholeGraph
    ) { given, call in
        var given = given
        let node = try given.need("query")
        let query = try node.string().lowercased()
        guard query.unicodeScalars.count <= 2048 else { throw node.fault("at most 2048 characters expected") }
        func matches(_ text: String) -> Bool { query.isEmpty || text.lowercased().contains(query) }
        return try await call.graph { entity in
            matches(entity.name) || matches(entity.type) || entity.observations.contains { matches($0.text) }
        }
    }

    private static let openNodes = Tool(
        name: "open_nodes", title: "Open Nodes",
        description: "Open specific nodes in the knowledge graph by their names", effect: .reads,
        arguments: ["names": Schema.list(of: ["type": "string"], "An array of entity names to retrieve")],
        required: ["names"], output: wholeGraph
    ) { given, call in
        var given = given
        let names = Set(try given.need("names").texts())
        return try await call.graph { names.contains(ByBytes($0.name)) }
    }
}

extension ToolResult {
    fileprivate init(done message: String, _ token: Token) {
        self.init(
            content: ["success": true, "message": .string(message)], text: .string(message), meta: .meta(token))
    }
}

extension JSONError {
    fileprivate static func noEntity(_ name: String) -> JSONError {
        JSONError(path: "", reason: "Entity with name \(name.escapingControlCharacters) not found")
    }
}

extension Draft {
    /// Those that are there, by name, as of the draft's state.
    fileprivate func entities(_ names: [String]) async throws -> [ByBytes: Entity] {
        let records = try await get(try names.map { try Entity.key(of: $0).text })
        var entities: [ByBytes: Entity] = [:]
        for name in names { entities[ByBytes(name)] = records[try Entity.key(of: name)].flatMap { Entity($0) } }
        return entities
    }

    fileprivate func put(_ names: [String], of entities: [ByBytes: Entity]) throws {
        for name in Set(names.map { ByBytes($0) }) {
            if let entity = entities[name] { put(try entity.key().text, json: entity.json.line) }
        }
    }
}

extension Call {
    fileprivate func graph(_ isWanted: ((Entity) -> Bool)?) async throws -> ToolResult {
        try await build {
            let (graph, token) = try await Graph.read(seat.memory, isWanted)
            return ToolResult(content: graph.json, note: graph.note, meta: .meta(token))
        }
    }

    /// Runs a change until it fits what is there.
    /// - Returns: what it came to, and the state that has it.
    func change<T: Sendable>(
        _ what: String, _ body: @Sendable (Draft) async throws -> T
    ) async throws -> (T, Token) {
        var result: T?
        let receipt = try await seat.memory.transact(
            message: what, context: meta.traceparent ?? "", retries: Tool.mostReruns
        ) { draft in result = try await body(draft) }
        seat.saw(receipt.token, of: seat.memory.branch)
        guard let result else { throw MembusError.closed }
        return (result, receipt.token)
    }
}

extension Tool {
    /// How often a transaction is run again where others change the same entity.
    fileprivate static let mostReruns = 100
}
