import ArgumentParser
import Membus

/// `name=value`, as `--attribute` takes it. The value may hold further `=`.
struct Pair: Hashable, Sendable {
    @ByBytes private(set) var name: String
    @ByBytes private(set) var value: String

    init(_ text: String, form: String = "name=value") throws {
        // By bytes: with what stands behind it the sign may be one character.
        guard let sign = text.utf8.firstIndex(of: UInt8(ascii: "=")), sign != text.startIndex else {
            throw ValidationError("write it as \(form), not \"\(text)\"")
        }
        name = String(Substring(text.utf8[..<sign]))
        value = String(Substring(text.utf8[text.utf8.index(after: sign)...]))
    }

    /// All of them; a name that is given twice is a mistake, not a choice.
    static func attributes(_ pairs: [Pair]) throws -> Attributes {
        var all = Attributes()
        for pair in pairs {
            if all[pair.name] != nil { throw ValidationError("the attribute \(pair.name) is given twice") }
            all[pair.name] = pair.value
        }
        return all
    }

    /// `relation=KEY`.
    func link() throws -> Link { Link(relation: name, target: try Key(value)) }
}
