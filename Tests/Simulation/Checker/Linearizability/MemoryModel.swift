import Foundation

// The memory as one client at a time would see it: keys on branches, transactions with preconditions, forks.
//
// Revisions are names here: two versions are the same if they have the same name, and nothing else follows from
// a revision. So this verdict depends on no order but that of calls and returns.
//
// What is not known narrows nothing:
//   - a version that expires is there until somebody finds it gone (then it stays gone);
//   - a version of an operation whose outcome is unknown has no name: it answers to any that no known one has;
//   - a value that is merged into an unknown one is unknown, until somebody reads it;
//   - "no key of the topic changed since R" speaks of the state at R: it is left to the replay of preconditions.

/// What a place holds.
struct Cell: Hashable {
    enum Version: Hashable {
        /// The branch does not exist yet.
        case nowhere
        case absent
        case named(Int64)
        /// Written by this operation, whose outcome is unknown.
        case unnamed(Int)
        /// A fork of a past revision: it may be anything.
        case anything
    }
    var version: Version
    /// `nil`: unknown.
    var value: Int?
    var expires = false

    static let absent = Cell(version: .absent, value: nil)
    static let nowhere = Cell(version: .nowhere, value: nil)
    static let anything = Cell(version: .anything, value: nil, expires: true)
}

/// A version that somebody saw.
struct SeenVersion: Hashable {
    var name: Int64
    /// `nil`: only its name is known.
    var value: Int?
}

enum MemoryOperation {
    /// `op`: tells the versions of operations without a known outcome apart.
    case transaction(op: Int, [MemoryRequirement], [MemoryChange])
    case read([Int])
    /// Places of the new branch, with the parent's for each; `nil` for a fork of a past revision.
    case fork([(from: Int?, to: Int)])
}

enum MemoryRequirement: Hashable {
    case at(Int, name: Int64)
    case absent(Int)

    var place: Int {
        switch self {
        case .at(let place, _), .absent(let place): place
        }
    }
}

struct MemoryChange {
    enum Action {
        case put(value: Int, expires: Bool)
        case delete
        case increment(Int64)
        case append(Data)
        /// The value after it is not computed here.
        case patch
    }
    var place: Int
    var action: Action
}

enum MemoryResponse {
    case committed(name: Int64)
    case held
    /// Of the requirements, those that failed.
    case conflict(Set<MemoryRequirement>)
    case found([SeenVersion?])
}

struct MemoryModel: SequentialModel {
    let values: Values
    /// The names of versions whose writers are known.
    let names: Set<Int64>
    /// By place.
    let start: [Cell]
    /// A place's index in the state.
    private let slots: [Int]
    let initial: [Cell]

    init(values: Values, names: Set<Int64>, start: [Cell]) {
        self.init(values: values, names: names, start: start, places: Array(start.indices))
    }

    private init(values: Values, names: Set<Int64>, start: [Cell], places: [Int]) {
        self.values = values
        self.names = names
        self.start = start
        var slots = [Int](repeating: -1, count: start.count)
        for (slot, place) in places.enumerated() { slots[place] = slot }
        self.slots = slots
        initial = places.map { start[$0] }
    }

    func restricted(to places: [Int]) -> MemoryModel {
        MemoryModel(values: values, names: names, start: start, places: places)
    }

    func places(of operation: MemoryOperation) -> [Int] {
        switch operation {
        case .read(let places): places
        case .transaction(_, let requirements, let changes): requirements.map(\.place) + changes.map(\.place)
        case .fork(let pairs): pairs.flatMap { [$0.from, $0.to].compactMap(\.self) }
        }
    }

    func step(_ state: [Cell], _ operation: MemoryOperation, _ response: MemoryResponse?) -> [Cell]? {
        var state = state
        let isPossible: Bool
        switch (operation, response) {
        case (.read(let places), .found(let found)):
            isPossible = zip(places, found).allSatisfy { observe($1, at: &state[slots[$0]]) }
        case (.transaction(let op, let requirements, let changes), .committed(let name)):
            isPossible = hold(requirements, &state) && apply(changes, as: .named(name), op, &state)
        case (.transaction(let op, let requirements, let changes), nil):
            isPossible = hold(requirements, &state) && apply(changes, as: .unnamed(op), op, &state)
        case (.transaction(_, let requirements, let changes), .held):
            isPossible = hold(requirements, &state) && changes.allSatisfy { observe(nil, at: &state[slots[$0.place]]) }
        case (.transaction(_, let requirements, _), .conflict(let failed)):
            isPossible = requirements.allSatisfy { requirement in
                let cell = slots[requirement.place]
                return failed.contains(requirement) ? fail(requirement, &state[cell]) : hold(requirement, &state[cell])
            }
        case (.fork(let pairs), .committed), (.fork(let pairs), nil): isPossible = fork(pairs, &state)
        default: isPossible = false
        }
        return isPossible ? state : nil
    }

    // MARK: What was seen

    /// Whether a place can show this; what it shows is known from then on.
    private func observe(_ seen: SeenVersion?, at cell: inout Cell) -> Bool {
        guard let seen else { return observeAbsence(at: &cell) }
        switch cell.version {
        case .nowhere, .absent: return false
        case .anything: break
        case .named(let name): if name != seen.name { return false }
        case .unnamed: if names.contains(seen.name) { return false }
        }
        if let value = seen.value {
            if let known = cell.value, known != value { return false }
            cell.value = value
        }
        cell.version = .named(seen.name)
        return true
    }

    private func observeAbsence(at cell: inout Cell) -> Bool {
        switch cell.version {
        case .nowhere: return false
        case .absent: return true
        case .named, .unnamed, .anything:
            if cell.expires { cell = .absent }
            return cell.version == .absent
        }
    }

    // MARK: Preconditions

    private func hold(_ requirements: [MemoryRequirement], _ state: inout [Cell]) -> Bool {
        requirements.allSatisfy { hold($0, &state[slots[$0.place]]) }
    }

    private func hold(_ requirement: MemoryRequirement, _ cell: inout Cell) -> Bool {
        switch requirement {
        case .absent: observeAbsence(at: &cell)
        case .at(_, let name): observe(SeenVersion(name: name, value: nil), at: &cell)
        }
    }

    private func fail(_ requirement: MemoryRequirement, _ cell: inout Cell) -> Bool {
        switch (requirement, cell.version) {
        case (_, .nowhere): return false
        case (_, .anything): return true
        case (.absent, let version): return version != .absent
        case (.at, .absent), (.at, .unnamed): return true
        case (.at(_, let name), .named(let present)): return name != present || observeAbsence(at: &cell)
        }
    }

    // MARK: Changes

    private func apply(_ changes: [MemoryChange], as version: Cell.Version, _ op: Int, _ state: inout [Cell]) -> Bool {
        for change in changes {
            let slot = slots[change.place]
            guard state[slot].version != .nowhere else { return false }
            state[slot] = cell(after: change.action, on: state[slot], as: version)
        }
        return true
    }

    private func cell(after action: MemoryChange.Action, on old: Cell, as version: Cell.Version) -> Cell {
        switch action {
        case .put(let value, let expires): Cell(version: version, value: value, expires: expires)
        case .delete: .absent
        case .increment(let amount): merged(old, version) { values.sum($0, amount) }
        case .append(let text): merged(old, version) { values.appending(text, to: $0) }
        case .patch: Cell(version: version, value: nil, expires: old.expires)
        }
    }

    /// A merge keeps the old version's expiry; onto what may have expired, it may have started afresh.
    private func merged(_ old: Cell, _ version: Cell.Version, _ value: (Int?) -> Int?) -> Cell {
        if old.version == .absent { return Cell(version: version, value: value(nil)) }
        guard let known = old.value, !old.expires else {
            return Cell(version: version, value: nil, expires: old.expires)
        }
        return Cell(version: version, value: value(known))
    }

    private func fork(_ pairs: [(from: Int?, to: Int)], _ state: inout [Cell]) -> Bool {
        for pair in pairs {
            guard state[slots[pair.to]].version == .nowhere else { return false }
            let source = pair.from.map { state[slots[$0]] } ?? .anything
            guard source.version != .nowhere else { return false }
            state[slots[pair.to]] = source
        }
        return true
    }
}

/// Values by number, so that states are small and compared at once.
final class Values {
    private var numbers: [Data: Int] = [:]
    private var all: [Data] = []

    func number(of value: Data) -> Int {
        if let known = numbers[value] { return known }
        numbers[value] = all.count
        all.append(value)
        return all.count - 1
    }

    /// - Returns: `nil` if the old value is no number, or the sum too large for one.
    func sum(_ old: Int?, _ amount: Int64) -> Int? {
        guard let before = old.map({ Int64(String(decoding: all[$0], as: UTF8.self)) }) ?? 0 else { return nil }
        let (sum, overflow) = before.addingReportingOverflow(amount)
        return overflow ? nil : number(of: Data("\(sum)".utf8))
    }

    func appending(_ text: Data, to old: Int?) -> Int { number(of: (old.map { all[$0] } ?? Data()) + text) }
}
