import ArgumentParser
import Membus

/// `name=value`, as `--attribute` takes it. The value may hold further `=`.
struct Pair: Hashable, Sendable {
    let name: String
    let value: String

    init(_ text: String, form: String = "name=value") throws {
        guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
            throw ValidationError("write it as \(form), not \"\(text)\"")
        }
        name = String(text[..<sign])
        value = String(text[text.index(after: sign)...])
    }

    /// All of them; a name that is given twice is a mistake, not a choice.
    static func dictionary(_ pairs: [Pair]) throws -> [String: String] {
        var all: [String: String] = [:]
        for pair in pairs where all.updateValue(pair.value, forKey: pair.name) != nil {
            throw ValidationError("the attribute \(pair.name) is given twice")
        }
        return all
    }

    /// `relation=KEY`.
    func link() throws -> Link { Link(relation: name, target: try Key(value)) }
}
