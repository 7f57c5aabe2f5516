import MembusModel
import MembusStore

/// What one (branch, R) shows of the index. Nothing else has a say in an answer.
final class VisibleState {
    let branch: Int64
    /// Below the first: what it inherits.
    let inherited: [Level]
    private(set) var upTo: Revision
    /// Versions of the columns that are looked at.
    private var limit: Int
    /// Of each key, the version that is shown, and 1; 0: none is.
    private(set) var shown: [UInt32]
    /// A bit each.
    private(set) var units: [UInt64]
    /// Passages that show.
    private(set) var unitCount = 0
    /// By which it leaves out what is not to be found; `nil`: it shows everything.
    let rules: SearchRules?
    /// Of each key that is shown, by the kind that it has.
    private var ruleOf: [UInt16]
    /// What of this state is searched, once its settings are read.
    var searched = Searched.unknown
    /// Of each unit the words that count, where settings have a say.
    var lengths: [UInt8]?

    enum Searched {
        case unknown
        case itself
        case other(VisibleState)
    }

    init(_ levels: [Level], _ columns: Columns, _ rules: SearchRules? = nil) {
        self.rules = rules
        ruleOf = [UInt16](repeating: 0, count: rules == nil ? 0 : columns.keyCount)
        precondition(!levels.isEmpty, "a state has its branch's level at least")
        (branch, inherited, upTo) = (levels[0].branch, Array(levels.dropFirst()), levels[0].upTo)
        limit = columns.count(upTo: levels[0].upTo)
        shown = [UInt32](repeating: 0, count: columns.keyCount)
        units = [UInt64](repeating: 0, count: (columns.unitCount + 63) / 64)
        take(levels, columns)
    }

    /// Its own first, then the parent's up to the fork for keys not yet seen, and so on.
    private func take(_ levels: [Level], _ columns: Columns) {
        // Of one level, each key has at most one.
        var seen = [Bool](repeating: false, count: levels.count > 1 ? columns.keyCount : 0)
        for level in levels {
            let limit = columns.count(upTo: level.upTo)
            let isSeenTo = levels.count > 1
            let versions = columns.withRows { rows in
                seen.withUnsafeMutableBufferPointer { seen in
                    Self.versions(of: level, before: limit, rows, isSeenTo ? seen : nil)
                }
            }
            if rules == nil { showAll(versions, columns) } else { for version in versions { show(version, columns) } }
        }
    }

    /// Those that no other has followed, deletions left out.
    private static func versions(
        of level: Level, before limit: Int, _ rows: Columns.Rows, _ seen: UnsafeMutableBufferPointer<Bool>?
    ) -> [UInt32] {
        let (branch, end) = (UInt32(truncatingIfNeeded: level.branch), UInt32(limit))
        return [UInt32](unsafeUninitializedCapacity: limit) { found, count in
            for version in 0..<limit where rows.branchOf[version] == branch && rows.next[version] >= end {
                if let seen {
                    let key = Int(rows.keyOf[version])
                    if seen[key] { continue }
                    seen[key] = true
                }
                if rows.isDeleted[version] { continue }
                found[count] = UInt32(version)
                count += 1
            }
        }
    }

    private func showAll(_ versions: [UInt32], _ columns: Columns) {
        var sum = 0
        columns.withRows { rows in
            shown.withUnsafeMutableBufferPointer { shown in
                units.withUnsafeMutableBufferPointer { units in
                    for version in versions {
                        shown[Int(rows.keyOf[Int(version)])] = version + 1
                        let (first, end) = rows.units(of: Int(version))
                        sum += Int(end - first)
                        var unit = first
                        while unit < end {
                            units[Int(unit) >> 6] |= 1 << UInt64(unit & 63)
                            unit += 1
                        }
                    }
                }
            }
        }
        unitCount += sum
    }

    private func show(_ version: UInt32, _ columns: Columns) {
        if rules != nil, isOff(version, columns) { return }
        shown[Int(columns.keyOf[Int(version)])] = version + 1
        let own = columns.units(of: version)
        for unit in own { units[Int(unit) >> 6] |= 1 << (unit & 63) }
        unitCount += own.count
    }

    /// Looks up what is set for it.
    private func isOff(_ version: UInt32, _ columns: Columns) -> Bool {
        guard let rules else { return false }
        let key = columns.keyOf[Int(version)]
        let rule = columns.withKey(key) { rules.rule(of: $0, columns.kindOf[Int(version)], columns) }
        ruleOf[Int(key)] = rule
        return rules.rules[Int(rule)].isOff
    }

    private func hide(_ version: UInt32, _ columns: Columns) {
        for unit in columns.units(of: version) {
            units[Int(unit) >> 6] &= ~(1 << (unit & 63))
            unitCount -= 1
        }
    }

    /// The same branch later: what was committed since is carried into it.
    func advance(to revision: Revision, _ columns: Columns) {
        if case .other(let other) = searched { other.advance(to: revision, columns) }
        let end = columns.count(upTo: revision)
        upTo = max(upTo, revision)
        guard end > limit else { return }
        shown.append(contentsOf: repeatElement(0, count: columns.keyCount - shown.count))
        if rules != nil { ruleOf.append(contentsOf: repeatElement(0, count: columns.keyCount - ruleOf.count)) }
        units.append(contentsOf: repeatElement(0, count: (columns.unitCount + 63) / 64 - units.count))
        let own = UInt32(truncatingIfNeeded: branch)
        for version in limit..<end where columns.branchOf[version] == own {
            let key = Int(columns.keyOf[version])
            if shown[key] != 0 { hide(shown[key] - 1, columns) }
            shown[key] = 0
            if !columns.isDeleted[version] { show(UInt32(version), columns) }
        }
        limit = end
    }

    @inline(__always)
    func shows(_ unit: UInt32) -> Bool {
        let word = Int(unit) >> 6
        return word < units.count && units[word] & 1 << (unit & 63) != 0
    }

    /// In their order.
    @inline(__always)
    func eachUnit(_ body: (UInt32) -> Void) {
        for (index, word) in units.enumerated() where word != 0 {
            var rest = word
            while rest != 0 {
                body(UInt32(index << 6 | rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
    }

    /// Records that show.
    var versionCount: Int { shown.reduce(0) { $1 == 0 ? $0 : $0 + 1 } }

    /// Of a key that is shown; `nil`: nothing is set for any.
    @inline(__always)
    func rule(of key: UInt32) -> SearchRules.Rule? { rules.map { rule(of: key, by: $0) } }

    /// Whether something is set for a key that is shown.
    func isSet(_ key: UInt32) -> Bool { rules != nil && ruleOf[Int(key)] != 0 }

    /// Whether numbered neighbours count for a key that is shown.
    @inline(__always)
    func takesContext(_ key: UInt32) -> Bool { rule(of: key)?.takesContext ?? true }

    @inline(__always)
    func rule(of key: UInt32, by rules: SearchRules) -> SearchRules.Rule { rules.rules[Int(ruleOf[Int(key)])] }

    func version(of key: UInt32) -> UInt32? {
        guard Int(key) < shown.count, shown[Int(key)] != 0 else { return nil }
        return shown[Int(key)] - 1
    }
}

/// The states that were asked for last: one of each branch that is carried along with its head, and some of the past.
struct VisibleStates {
    private var heads: [VisibleState] = []
    private var past: [VisibleState] = []
    private static let most = 6

    mutating func state(_ levels: [Level], isHead: Bool, _ columns: Columns) -> VisibleState {
        let inherited = Array(levels.dropFirst())
        let fits = { (state: VisibleState) in state.branch == levels[0].branch && state.inherited == inherited }
        if isHead {
            if let index = heads.firstIndex(where: { fits($0) && $0.upTo <= levels[0].upTo }) {
                let state = heads.remove(at: index)
                state.advance(to: levels[0].upTo, columns)
                heads.append(state)
                return state
            }
            heads.removeAll(where: fits)
            return Self.keep(VisibleState(levels, columns), in: &heads)
        }
        if let index = past.firstIndex(where: { fits($0) && $0.upTo == levels[0].upTo }) {
            let state = past.remove(at: index)
            past.append(state)
            return state
        }
        return Self.keep(VisibleState(levels, columns), in: &past)
    }

    private static func keep(_ state: VisibleState, in states: inout [VisibleState]) -> VisibleState {
        states.append(state)
        if states.count > most { states.removeFirst() }
        return state
    }

    /// Something was set on some branch.
    func forgetSettings() { for state in heads { state.searched = .unknown } }

    mutating func forget() { self = VisibleStates() }
}
