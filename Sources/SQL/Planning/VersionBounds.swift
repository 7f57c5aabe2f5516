import MembusModel

/// Which versions a cursor has to look at: at least all that the constraints let through.
struct VersionBounds {
    /// No key can be meant.
    private(set) var isEmpty = false
    /// This key alone.
    private(set) var exact: [UInt8]?
    /// From here on, and below there; `nil`: to the end.
    private(set) var from: [UInt8] = []
    private(set) var below: [UInt8]?
    /// Keys that start so, whatever the case of ASCII's letters.
    private(set) var prefix: LikePrefix?
    /// Revisions beyond this one, up to the other.
    private(set) var after: Revision = 0
    private(set) var upTo: Revision = .max
    /// Of links: what they lead to.
    private(set) var target: [UInt8]?

    var areKeysBound: Bool { exact != nil || !from.isEmpty || below != nil || prefix != nil }

    init(_ constraints: Constraints) {
        for (column, comparison, value) in constraints {
            switch (column, value) {
            case (_, .null): isEmpty = true
            case (.key, .text(let key)): narrow(comparison, key)
            case (.revision, .integer(let revision)): narrow(comparison, revision)
            case (.target, .text(let key)):
                if let target, target != key { isEmpty = true }
                target = key
            default: break
            }
        }
        if let exact {
            let isBefore = below.map { !exact.lexicographicallyPrecedes($0) } ?? false
            if isBefore || exact.lexicographicallyPrecedes(from) { isEmpty = true }
        }
        if after >= upTo { isEmpty = true }
    }

    /// This key alone.
    init(exactly key: [UInt8]) { exact = key }

    /// Keys that start so.
    init(under prefix: [UInt8]) { (from, below) = (prefix, Self.end(of: prefix)) }

    private mutating func narrow(_ comparison: Comparison, _ key: [UInt8]) {
        switch comparison {
        case .equal:
            if let exact, exact != key { isEmpty = true }
            exact = key
        case .atLeast: raise(to: key)
        case .above: raise(to: key + [0])
        case .below: lower(to: key)
        case .atMost: lower(to: key + [0])
        case .glob:
            let start = comparison.start(of: key)
            raise(to: start)
            if let end = Self.end(of: start) { lower(to: end) }
        case .like:
            let start = comparison.start(of: key)
            if !start.isEmpty { prefix = LikePrefix(start) }
        }
    }

    private mutating func narrow(_ comparison: Comparison, _ revision: Revision) {
        switch comparison {
        case .equal: (after, upTo) = (max(after, revision &- 1), min(upTo, revision))
        case .atLeast: after = max(after, revision == .min ? .min : revision - 1)
        case .above: after = max(after, revision)
        case .below: upTo = min(upTo, revision == .min ? .min : revision - 1)
        case .atMost: upTo = min(upTo, revision)
        case .like, .glob: break
        }
    }

    private mutating func raise(to key: [UInt8]) { if from.lexicographicallyPrecedes(key) { from = key } }
    private mutating func lower(to key: [UInt8]) {
        if below.map(key.lexicographicallyPrecedes) ?? true { below = key }
    }

    /// What follows all that starts so.
    private static func end(of prefix: [UInt8]) -> [UInt8]? {
        var end = prefix
        while let last = end.popLast() { if last < 0xFF { return end + [last + 1] } }
        return nil
    }
}

/// The start of a LIKE pattern. To SQLite `a` and `A` are one letter there, while keys tell them apart: keys that match
/// lie in several places, which are jumped to one after the other.
struct LikePrefix {
    /// Of each byte the lesser and the greater form.
    private let least: [UInt8]
    private let greatest: [UInt8]

    init(_ prefix: [UInt8]) {
        least = prefix.map { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 ? $0 - 32 : $0 }
        greatest = prefix.map { UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0 ? $0 + 32 : $0 }
    }

    var first: [UInt8] { least }

    func matches(_ key: [UInt8]) -> Bool {
        key.count >= least.count && zip(key, zip(least, greatest)).allSatisfy { $0 == $1.0 || $0 == $1.1 }
    }

    /// The least that starts so and does not come before a key; `nil`: there is none.
    func next(from key: [UInt8]) -> [UInt8]? {
        var place = 0
        while place < least.count, place < key.count, key[place] == least[place] || key[place] == greatest[place] {
            place += 1
        }
        if place == least.count { return key }
        guard place < key.count else { return key + least[place...] }
        if key[place] < greatest[place] {
            let byte = key[place] < least[place] ? least[place] : greatest[place]
            return key[..<place] + [byte] + least[(place + 1)...]
        }
        while place > 0 {
            place -= 1
            if key[place] < greatest[place] { return key[..<place] + [greatest[place]] + least[(place + 1)...] }
        }
        return nil
    }
}
