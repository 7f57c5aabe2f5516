// What it takes to have a view's state with the value of every record.
//
//   look ─▶ values lack: fetch them into the cache ─▶ look again, a few times ─▶ none lack: hand
//                                                                     └─ the view moves faster than they are fetched:
//                                          fetch those of this state ─▶ hand ─ the state is gone by then: look again
//
// Invariant: what is handed over is one whole state, with the token that it is of.

struct Saving: StepwiseCall {
    typealias Product = WarmFile
    typealias Given = Never

    private enum Stage: Sendable {
        case looking
        case filling(Collecting)
        case fetching(KeysInParts, WarmFile)
    }
    private let shared: SharedView
    private let view: ViewID
    private var stage = Stage.looking
    /// Into the cache, so that the next time only what changed is fetched. The view may move meanwhile.
    private var fillsLeft = Self.mostFills
    private var fetchesLeft = Self.mostFetches
    private var failuresLeft = Self.mostFailures
    private static let mostFills = 3
    private static let mostFetches = 5
    /// A view whose state is compacted away each time is read again and again.
    private static let mostFailures = 100

    init(_ shared: SharedView, _ view: ViewID) {
        self.shared = shared
        self.view = view
    }

    mutating func begin() throws -> Action {
        (fillsLeft, fetchesLeft, failuresLeft) = (Self.mostFills, Self.mostFetches, Self.mostFailures)
        return try fill()
    }

    mutating func take(_ input: Input) throws -> Action {
        if case .failed(let error, _) = input {
            failuresLeft -= 1
            if failuresLeft < 0 { throw error }
        }
        switch stage {
        case .looking: preconditionFailure("nothing is under way")
        case .filling(var collecting):
            let action = try collecting.take(input)
            stage = .filling(collecting)
            return try action.then { _ in try fill() }
        case .fetching(var parts, let state):
            let action: KeysInParts.Action
            do { action = try parts.take(input) } catch MembusError.refused(let refusal)
                where [.belowFloor, .historyDiffers].contains(refusal.code)
            { return try fetch() }
            stage = .fetching(parts, state)
            return try action.then { try fetched($0, of: state) }
        }
    }

    private mutating func fill() throws -> Action {
        let lacking = try shared.warmFile().lacking
        guard !lacking.isEmpty, fillsLeft > 0 else { return try fetch() }
        fillsLeft -= 1
        var collecting = Collecting(lacking, .cached, from: shared, view, by: 0)
        let action = try collecting.begin()
        stage = .filling(collecting)
        return try action.then { _ in try fill() }
    }

    /// This state, whatever comes after it.
    private mutating func fetch() throws -> Action {
        let state = try shared.warmFile()
        if state.lacking.isEmpty { return .hand(state) }
        guard fetchesLeft > 0 else {
            throw MembusError.refused(
                Refusal(
                    .busy, "the state is gone each time before its large values are fetched", hint: "keep more history")
            )
        }
        fetchesLeft -= 1
        let parts = KeysInParts(state.lacking, branch: shared.follow.branch, at: state.token.position)
        stage = .fetching(parts, state)
        return try parts.begin().then { try fetched($0, of: state) }
    }

    private mutating func fetched(_ fetched: KeysInParts.Fetched, of state: WarmFile) throws -> Action {
        guard fetched.token == state.token else { return try fetch() }
        return .hand(state.filled(with: fetched.records))
    }
}

extension WarmFile {
    /// Keys whose records are here without their values.
    var lacking: [Key] { records.filter { $0.value == nil }.map(\.key) }

    /// With the values of the same versions.
    func filled(with fetched: [Record]) -> WarmFile {
        let values = Dictionary(fetched.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let records = records.map { record in
            if record.value == nil, let found = values[record.key], found.revision == record.revision {
                found
            } else {
                record
            }
        }
        return WarmFile(branch: branch, filter: filter, token: token, records: records)
    }
}
