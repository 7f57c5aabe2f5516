import FoundationEssentials
import MembusDocuments
import MembusModel

/// A line of the reference memory server's file, as the line of an import that means the same.
package enum GraphLine {
    package static func record(_ line: Data) -> Result<JSONValue, JSONError> {
        Result { () throws(JSONError) in
            let node = try JSONNode.document(line, limit: Incoming.largest)
            var fields = try node.fields()
            let type = try fields.need("type")
            switch try type.string() {
            case "entity":
                let entity = try Entity(node)
                return shown(try entity.key(), entity.json, [])
            case "relation":
                let relation = try Relation(node)
                return shown(try relation.key(), relation.json, try relation.links())
            default: throw type.fault("\"entity\" or \"relation\" expected")
            }
        }
    }

    private static func shown(_ key: Key, _ value: JSONValue, _ links: [Link]) -> JSONValue {
        let links: [JSONValue] = links.map { ["relation": .string($0.relation), "target": .string($0.target.text)] }
        return [
            "key": .string(key.text), "kind": "json", "value": .string(value.line), "links": .array(links),
        ]
    }
}
