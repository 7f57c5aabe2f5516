import FoundationEssentials
import OrderedCollections

/// JSON objects merged member by member, however deep; all else as a whole.
enum JSONMerge {
    /// Both sides changed one member, and differently.
    private struct Clash: Error {}

    /// - Parameter base: `nil`: there was none, which is as an object without members.
    /// - Returns: `nil` if both sides changed one member, and differently, or if one is not JSON.
    static func merge(base: Data?, ours: Data, theirs: Data) -> MergedPart<Data>? {
        guard let own = try? JSON(parsing: ours), let other = try? JSON(parsing: theirs),
            let before = try? base.map({ try JSON(parsing: $0) }) ?? .object([:]),
            let merged = try? merge(before, own, other)
        else { return nil }
        return MergedPart(JSONMeaning(merged), ours: JSONMeaning(own), theirs: JSONMeaning(other))
            .map { $0.json.serialised }
    }

    /// Of what stands at one place, if anything does; `nil`: nothing is to stand there.
    private static func merge(_ base: JSON?, _ ours: JSON?, _ theirs: JSON?) throws(Clash) -> JSON? {
        // Objects are not compared first: at each level again, that would take their size times their depth.
        if case .object(let own) = ours, case .object(let other) = theirs {
            guard case .object(let before) = base else { return .object(try merge([:], own, other)) }
            return .object(try merge(before, own, other))
        }
        let (before, own, other) = (
            base.map { JSONMeaning($0) }, ours.map { JSONMeaning($0) }, theirs.map { JSONMeaning($0) }
        )
        if own == other || other == before { return ours }
        if own == before { return theirs }
        throw Clash()
    }

    /// The members keep ours' order; what theirs adds follows.
    private static func merge(
        _ base: OrderedDictionary<JSONName, JSON>, _ ours: OrderedDictionary<JSONName, JSON>,
        _ theirs: OrderedDictionary<JSONName, JSON>
    ) throws(Clash) -> OrderedDictionary<JSONName, JSON> {
        var merged: OrderedDictionary<JSONName, JSON> = [:]
        for (name, value) in ours { merged[name] = try merge(base[name], value, theirs[name]) }
        for (name, value) in theirs where ours[name] == nil { merged[name] = try merge(base[name], nil, value) }
        return merged
    }
}

/// JSON that is equal if it means the same: the order of members and the escapes of strings are spelling. Numbers are
/// as they are written: `1` and `1.0` are two, since readers tell them apart.
struct JSONMeaning: Hashable {
    let json: JSON

    init(_ json: JSON) { self.json = json }

    static func == (a: JSONMeaning, b: JSONMeaning) -> Bool {
        switch (a.json, b.json) {
        case (.scalar(let a), .scalar(let b)): a == b || a.string.map { $0 == b.string } ?? false
        case (.array(let a), .array(let b)):
            a.count == b.count && zip(a, b).allSatisfy { JSONMeaning($0) == JSONMeaning($1) }
        case (.object(let a), .object(let b)):
            a.count == b.count
                && a.allSatisfy { name, value in b[name].map { JSONMeaning($0) == JSONMeaning(value) } ?? false }
        case (.scalar, .array), (.scalar, .object), (.array, .scalar), (.array, .object), (.object, .scalar),
            (.object, .array):
            false
        }
    }

    func hash(into hasher: inout Hasher) {
        switch json {
        case .scalar(let text):
            hasher.combine(0)
            if let string = text.string { hasher.combine(string) } else { hasher.combine(text) }
        case .array(let elements):
            hasher.combine(1)
            hasher.combine(elements.count)
            for element in elements { JSONMeaning(element).hash(into: &hasher) }
        case .object(let members):
            // All in one number, whatever their order.
            var sum = 0
            for (name, value) in members {
                var member = hasher
                member.combine(name)
                JSONMeaning(value).hash(into: &member)
                sum &+= member.finalize()
            }
            hasher.combine(2)
            hasher.combine(sum)
        }
    }
}

extension [UInt8] {
    /// What a scalar that is a string stands for; `nil`: it is none.
    fileprivate var string: JSONName? {
        first == UInt8(ascii: "\"") ? JSONName(written: Array(dropFirst().dropLast())) : nil
    }
}

extension JSON {
    /// What a string stands for; `nil`: it is none, or stands for half a character.
    var text: String? {
        guard case .scalar(let bytes) = self, let name = bytes.string else { return nil }
        return String(validating: name.plain, as: UTF8.self)
    }
}
