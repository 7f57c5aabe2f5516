import CSQL
import CSQLite
import MembusModel
import MembusStore

/// Goes through versions, one after the other.
protocol VersionWalk: AnyObject {
    /// The version that it is at.
    var row: RawRows { get }
    /// - Returns: false: there is no further one.
    func next() throws -> Bool
}

/// All records of a state, newest first. The first version of a key that is met is the one that shows: a level's versions
/// all come before those that it inherits (StateRows). So each row of the table is read once, whatever the number of keys;
/// which keys were met is kept.
///
///   r5  trial  put a     met first: shows
///   r3  trial  deleted b met: hides r1
///   r2  main   put a     was met
///   r1  main   put b     was met
final class NewestScan: VersionWalk {
    let row: RawRows
    private let run: QueryRun
    private var levels: ArraySlice<StateLevel> = []
    private var after: Revision = 0
    private var hasBegun = false

    init(_ run: QueryRun, withValues: Bool) throws {
        self.run = run
        row = try run.state.rows(.newestVersions(withValues: withValues))
    }

    func start(_ bounds: VersionBounds) throws {
        levels = run.state.levels[...]
        after = bounds.after
        hasBegun = false
        row.reset()
        let keys = membus_keys_make(.random(in: .min ... .max), .random(in: .min ... .max))
        guard let keys else { throw Refusal(.limitExceeded, "there is not enough memory for the query") }
        try row.check(membus_keys_bind(row.statement, 4, keys))
    }

    func next() throws -> Bool {
        while true {
            if hasBegun, try row.next() { return true }
            guard let level = levels.popFirst() else { return false }
            row.reset()
            hasBegun = level.upTo > max(after, level.after)
            guard hasBegun else { continue }
            try row.bind(
                level.branch, StatePosition.end(of: max(after, level.after)), StatePosition.end(of: level.upTo))
        }
    }
}

/// Records of a state whose keys lie between bounds, in the order of the keys: from key to key by the index, and
/// to the newest version of each.
final class KeyWalk: VersionWalk {
    let row: RawRows
    private let run: QueryRun
    private let seek: RawRows
    private var below: [UInt8]?
    private var prefix: LikePrefix?
    private var isExact = false
    /// What was looked at last; `nil`: nothing is left.
    private var from: [UInt8]?
    /// The next key of each level, if it is known to have one.
    private var heads: [Head] = []

    private enum Head {
        case unknown
        case key([UInt8])
        case none
    }

    init(_ run: QueryRun, withValues: Bool) throws {
        self.run = run
        row = try run.state.rows(.newestOfKey(withValues: withValues))
        seek = try run.state.rows(.nextKey)
    }

    func start(_ bounds: VersionBounds) {
        below = bounds.below
        prefix = bounds.prefix
        isExact = bounds.exact != nil
        from = bounds.exact ?? bounds.from
        heads = Array(repeating: .unknown, count: run.state.levels.count)
    }

    func next() throws -> Bool {
        while let place = from {
            try run.goOn()
            if isExact {
                from = nil
                return try find(place)
            }
            guard let start = prefix.map({ $0.next(from: place) }) ?? place, let key = try nextKey(from: start) else {
                from = nil
                return false
            }
            from = key
            if let prefix, !prefix.matches(key) { continue }
            from = key + [0]
            if try find(key) { return true }
        }
        return false
    }

    /// Goes to what the state shows of a key.
    private func find(_ key: [UInt8]) throws -> Bool {
        for level in run.state.levels {
            run.tally?.seeks += 1
            row.reset()
            try row.bind(level.branch, StatePosition.end(of: level.after), StatePosition.end(of: level.upTo))
            try row.bind(key, at: 4)
            if try row.next() { return !row.isNull(StateSelect.Version.kind) }
        }
        return false
    }

    /// The least of the levels' keys.
    private func nextKey(from start: [UInt8]) throws -> [UInt8]? {
        var least: [UInt8]?
        for (index, level) in run.state.levels.enumerated() {
            switch heads[index] {
            case .key(let key) where !key.lexicographicallyPrecedes(start): break
            case .none: continue
            default: heads[index] = try seek(from: start, on: level)
            }
            guard case .key(let key) = heads[index] else { continue }
            if least.map(key.lexicographicallyPrecedes) ?? true { least = key }
        }
        return least
    }

    private func seek(from start: [UInt8], on level: StateLevel) throws -> Head {
        run.tally?.seeks += 1
        seek.reset()
        try seek.bind(level.branch)
        try seek.bind(start, at: 2)
        // Every text comes before every blob.
        if let below {
            try seek.bind(below, at: 3)
        } else {
            try seek.check(sqlite3_bind_zeroblob(seek.statement, 3, 1))
        }
        return try seek.next() ? .key([UInt8](seek.bytes(0))) : .none
    }
}

/// Records of a state whose keys lie in one of several places, one place after the other. No key is in two of them.
final class ListedWalk: VersionWalk {
    private let keys: KeyWalk
    private var places: ArraySlice<VersionBounds>
    private var hasBegun = false
    var row: RawRows { keys.row }

    init(_ places: [VersionBounds], by keys: KeyWalk) {
        self.places = places[...]
        self.keys = keys
    }

    func next() throws -> Bool {
        while true {
            if hasBegun, try keys.next() { return true }
            guard let place = places.popFirst() else { return false }
            keys.start(place)
            hasBegun = true
        }
    }
}

extension RawRows {
    func bind(_ text: [UInt8], at column: Int32) throws {
        try check(text.withUnsafeBytes { membus_bind_text(statement, column, $0.baseAddress, $0.count) })
    }
}
