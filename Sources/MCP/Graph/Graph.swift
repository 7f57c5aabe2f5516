import FoundationEssentials
import Membus
import MembusDocuments
import MembusModel

// The knowledge graph of the reference memory server, on records:
//
//   graph/entities/NAME              json: name, entityType, observations
//   graph/relations/FROM/TYPE/TO     json: from, to, relationType; links `from` and `to` to the two entities
//
// Names are percent-encoded to one segment each. Entities and relations are found one by one, so that agents who change
// different ones never meet, and those who change the same one merge: a transaction is run again on what is there now.
// Fields that nobody knows are passed over, as the reference server does.

struct Entity: Hashable, Sendable {
    @ByBytes var name: String
    @ByBytes var type: String
    var observations: [ByBytes]

    static let topic = Topic(unchecked: "graph/entities/")
    static func key(of name: String) throws(JSONError) -> Key { try GraphName.key("graph/entities", [name]) }
    func key() throws(JSONError) -> Key { try Self.key(of: name) }

    var json: JSONValue {
        [
            "name": .string(name), "entityType": .string(type),
            "observations": .array(observations.map { .string($0.text) }),
        ]
    }

    init(name: String, type: String, observations: [ByBytes]) {
        self.name = name
        self.type = type
        self.observations = observations
    }

    init(_ node: JSONNode) throws(JSONError) {
        var fields = try node.fields()
        self.init(
            name: try fields.need("name").string(), type: try fields.need("entityType").string(),
            observations: try fields.need("observations").texts())
    }

    /// - Returns: `nil`: somebody put something else there.
    init?(_ record: Record) {
        guard let value = record.value, let node = try? JSONNode.document(value, limit: value.count),
            let entity = try? Entity(node)
        else { return nil }
        self = entity
    }
}

struct Relation: Hashable, Sendable {
    @ByBytes var from: String
    @ByBytes var to: String
    @ByBytes var type: String

    static let topic = Topic(unchecked: "graph/relations/")
    func key() throws(JSONError) -> Key { try GraphName.key("graph/relations", [from, type, to]) }
    func links() throws(JSONError) -> [Link] {
        [
            Link(relation: "from", target: try Entity.key(of: from)),
            Link(relation: "to", target: try Entity.key(of: to)),
        ]
    }

    var json: JSONValue { ["from": .string(from), "to": .string(to), "relationType": .string(type)] }

    init(_ node: JSONNode) throws(JSONError) {
        var fields = try node.fields()
        from = try fields.need("from").string()
        to = try fields.need("to").string()
        type = try fields.need("relationType").string()
    }

    init?(_ record: Record) {
        guard let value = record.value, let node = try? JSONNode.document(value, limit: value.count),
            let relation = try? Relation(node)
        else { return nil }
        self = relation
    }
}

/// A name of any characters as one segment of a key.
enum GraphName {
    static func key(_ prefix: String, _ names: [String]) throws(JSONError) -> Key {
        do throws(InvalidName) {
            return try Key(([prefix] + names.map(segment)).joined(separator: "/"))
        } catch {
            let shown = names.joined(separator: " ").escapingControlCharacters
            throw JSONError(path: "", reason: "\"\(shown.prefix(100))\" can't be a name: \(error)")
        }
    }

    private static func segment(_ name: String) -> String {
        // A segment may not be empty, nor a dot or two.
        if name.isEmpty { return "%" }
        if name.utf8.allSatisfy({ $0 == UInt8(ascii: ".") }) { return name.utf8.map { _ in "%2E" }.joined() }
        var text = ""
        for scalar in name.unicodeScalars {
            if scalar == "/" || scalar == "%" || scalar.properties.generalCategory == .control {
                for byte in String(scalar).utf8 {
                    text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
                }
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension JSONNode {
    func texts() throws(JSONError) -> [ByBytes] {
        try TransactionDocument.list(self) { (element) throws(JSONError) in ByBytes(try element.string()) }
    }
}

/// A part of the graph, as one state has it: as much as a result may hold.
struct Graph: Sendable {
    private(set) var entities: [Entity] = []
    private(set) var relations: [Relation] = []
    private var budget = ResultBudget(ResultBudget.ofGraph)
    /// Names of entities that there was no room for, the first of them.
    private var leftOut: [String] = []
    private var isCut = false
    private static let mostNamed = 100

    var json: JSONValue {
        ["entities": .array(entities.map(\.json)), "relations": .array(relations.map(\.json))]
    }

    /// For people, and models: that it is not all.
    var note: String? {
        guard isCut else { return nil }
        let names = leftOut.map { $0.escapingControlCharacters }.joined(separator: ", ")
        return "This is not all that there is, as the result would be too large."
            + (names.isEmpty
                ? " Some relations are left out: open their entities by open_nodes."
                : " Left out, with their relations: \(names)"
                    + (leftOut.count < Self.mostNamed ? "" : " and others")
                    + ". Open them by open_nodes, or search for less.")
    }

    /// The entities that are wanted, and the relations that touch one of them. Entities come first, in the order of the keys, so
    /// that one pass does, and no more than the result is held.
    /// - Parameter isWanted: `nil`: all, and all relations.
    static func read(_ memory: Memory, _ isWanted: ((Entity) -> Bool)?) async throws -> (Graph, Token) {
        var graph = Graph()
        var names: Set<ByBytes> = []
        var pages = memory.range([Entity.topic.text, Relation.topic.text]).makeAsyncIterator()
        reading: while let record = try await pages.next() {
            if Entity.topic.matches(record.key) {
                guard let entity = Entity(record), isWanted?(entity) ?? true else { continue }
                if graph.takes(entity) {
                    names.insert(ByBytes(entity.name))
                } else if graph.hasNamedEnough {
                    break reading
                }
            } else if let relation = Relation(record) {
                let touches = names.contains(ByBytes(relation.from)) || names.contains(ByBytes(relation.to))
                if touches || isWanted == nil, !graph.takes(relation) { break reading }
            }
        }
        guard let token = pages.token else { throw MembusError.closed }
        return (graph, token)
    }

    private var hasNamedEnough: Bool { leftOut.count >= Self.mostNamed }

    private mutating func takes(_ entity: Entity) -> Bool {
        if !isCut, budget.takes(entity.json) {
            entities.append(entity)
            return true
        }
        isCut = true
        leftOut.append(entity.name)
        return false
    }

    private mutating func takes(_ relation: Relation) -> Bool {
        guard budget.takes(relation.json) else {
            isCut = true
            return false
        }
        relations.append(relation)
        return true
    }
}
