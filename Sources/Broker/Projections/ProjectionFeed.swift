import MembusModel
import MembusStore

// Feeds a projection, a bounded piece at a time.
//
//   NOWHERE ──▶ STATE at the floor, page by page ──▶ COMMITS after it ──▶ …
//                 ▲                                    │      │
//                 │                                    │      └─▶ STATE of a branch that one made ──▶ COMMITS
//                 └── the projection is short: STATE where it is, anew
//
// Invariants:
//   - Each step looks at about `budget` rows, in one state of the file, in which the place where it goes on is checked
//     by revision and hash. A commit is never split: limits bound it.
//   - Where the floor has passed that place, or the place is of another history, all is forgotten: NOWHERE.
//   - The projection is told that it has reached a state only when it was given all of it.
//   - Nothing beyond the revision that is visible is read, and between steps nothing is held.

package struct ProjectionFeed<Followed: Projection>: Sendable {
    package private(set) var projection: Followed
    /// How often it had to begin anew, and why.
    package private(set) var begun = Begun()
    private let budget: Int
    private var place = Place.nowhere

    package struct Begun: Hashable, Sendable {
        package var belowFloor = 0
        package var ofAnotherHistory = 0
        package var short = 0
    }

    private enum Place: Sendable {
        case nowhere
        /// What is left of a state.
        case state(at: Position, of: ArraySlice<BranchInfo>, after: Key?)
        case commits(after: Position)
    }

    /// - Parameter budget: rows that a step looks at.
    package init(_ projection: Followed, budget: Int = 500) {
        self.projection = projection
        self.budget = budget
    }

    /// One bounded piece.
    /// - Parameter visible: V, or what was V.
    /// - Returns: whether more is to be done by now.
    package mutating func step(upTo visible: Revision, from source: some ProjectionSource) throws(Refusal) -> Bool {
        do throws(Refusal) {
            switch place {
            case .nowhere: return try begin(upTo: visible, from: source)
            case .state(let position, let branches, let key):
                return try take(branches, at: position, after: key, upTo: visible, from: source)
            case .commits(let position): return try follow(after: position, upTo: visible, from: source)
            }
        } catch {
            switch error.code {
            case .belowFloor: begun.belowFloor += 1
            case .historyDiffers: begun.ofAnotherHistory += 1
            default: throw error
            }
            projection.begin()
            place = .nowhere
            return true
        }
    }

    private mutating func begin(upTo visible: Revision, from source: some ProjectionSource) throws(Refusal) -> Bool {
        let floor = try source.floor()
        // Compaction goes by what is on disk, which may be ahead of what is visible for a moment.
        guard floor.revision <= visible else { return false }
        try begin(at: floor, from: source)
        return true
    }

    private mutating func begin(at position: Position, from source: some ProjectionSource) throws(Refusal) {
        let branches = try source.branches(visible: position.revision).filter(projection.follows)
        projection.begin()
        place = .state(at: position, of: branches[...], after: nil)
    }

    private mutating func take(
        _ branches: ArraySlice<BranchInfo>, at position: Position, after key: Key?, upTo visible: Revision,
        from source: some ProjectionSource
    ) throws(Refusal) -> Bool {
        guard let branch = branches.first else {
            try reach(position, from: source)
            return true
        }
        let page = try source.state(
            of: branch.name, at: position, after: key, inline: projection.inlineBytes, budget: budget, visible: visible)
        for record in page.records { projection.add(record, on: branch.name) }
        place = .state(at: position, of: page.next == nil ? branches.dropFirst() : branches, after: page.next)
        return true
    }

    private mutating func follow(
        after position: Position, upTo visible: Revision, from source: some ProjectionSource
    ) throws(Refusal) -> Bool {
        let commits = try source.commits(
            after: position, inline: projection.inlineBytes, budget: budget, visible: visible, of: projection.follows)
        for commit in commits {
            projection.apply(commit)
            if let made = commit.made, projection.follows(made) {
                place = .state(at: commit.info.position, of: [made], after: nil)
                return true
            }
            try reach(commit.info.position, from: source)
            guard case .commits = place else { return true }
        }
        return (commits.last?.info.revision ?? position.revision) < visible
    }

    private mutating func reach(_ position: Position, from source: some ProjectionSource) throws(Refusal) {
        if projection.isShort {
            begun.short += 1
            return try begin(at: position, from: source)
        }
        projection.reached(position)
        place = .commits(after: position)
    }
}
