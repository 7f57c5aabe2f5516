import MembusModel
import MembusStore

extension SearchIndex {
    /// What a state shows to who searches it: its own settings have a say in that.
    /// - Throws: a refusal that names a record that can't be understood.
    func searched(_ layers: LayeredState, reader: Reader, visible: Revision) throws -> VisibleState {
        let state = states.state(layers.levels, isHead: layers.isHead, columns)
        switch state.searched {
        case .itself: return state
        case .other(let other): return other
        case .unknown: break
        }
        let settings = try reader.searchSettings(in: layers.levels, visible: visible)
        if settings.isEmpty {
            state.searched = .itself
            return state
        }
        let other = VisibleState(layers.levels, columns, SearchRules(settings))
        state.searched = .other(other)
        return other
    }

    /// Of each unit how many of its words count: where a state names members, theirs alone.
    func lengths(in state: VisibleState) throws -> [UInt8] {
        guard let rules = state.rules, rules.hasFields else { return columns.length }
        if let known = state.lengths, known.count == columns.unitCount { return known }
        var lengths = columns.length
        for shown in state.shown where shown != 0 {
            guard state.rule(of: columns.keyOf[Int(shown - 1)])?.fields != nil else { continue }
            for unit in columns.units(of: shown - 1) { lengths[Int(unit)] = 0 }
        }
        for (number, path) in rules.paths.enumerated() {
            let reach = Reach(state: state, columns: columns, member: number)
            try source.read(TermNames.size(path)) { posting, _ in
                guard reach.counts(posting.unit) else { return }
                let sum = UInt64(lengths[Int(posting.unit)]) + UInt64(posting.frequency)
                lengths[Int(posting.unit)] = UInt8(clamping: sum)
            }
        }
        state.lengths = lengths
        return lengths
    }
}

/// Where a term is looked for: in whole bodies and names, or in a member of those whose members count.
struct Reach {
    let state: VisibleState
    let columns: Columns
    /// `nil`: the whole body.
    let member: Int?
    private let rules: SearchRules?

    init(state: VisibleState, columns: Columns, member: Int? = nil) {
        (self.state, self.columns, self.member) = (state, columns, member)
        rules = state.rules.flatMap { $0.hasFields ? $0 : nil }
    }

    /// All that make up an answer.
    static func all(in state: VisibleState, _ columns: Columns) -> [Reach] {
        let body = Reach(state: state, columns: columns)
        guard let rules = body.rules else { return [body] }
        return [body] + rules.paths.indices.map { Reach(state: state, columns: columns, member: $0) }
    }

    @inline(__always)
    func counts(_ unit: UInt32) -> Bool {
        guard state.shows(unit) else { return false }
        guard let rules else { return true }
        let fields = state.rule(of: columns.keyOf[Int(columns.versionOf[Int(unit)])], by: rules).fields
        guard let member else { return fields == nil }
        return fields.map { $0[member] } ?? false
    }

    func term(_ run: [UInt8]) -> [UInt8] {
        guard let member, let rules else { return run }
        return TermNames.member(rules.paths[member], run)
    }
}
