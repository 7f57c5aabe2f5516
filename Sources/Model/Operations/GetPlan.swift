/// What a merge, rollback, revert, pick or quarantine would write if it were asked for now. Nothing is written.
package struct GetPlan: Operation, Hashable {
    package var work: Work

    /// - Parameter work: none of those that name each change themselves: a transaction is no plan, nor is a fork.
    package init(_ work: Work) { self.work = work }

    package typealias Answer = Plan

    package static let traits = Traits("the plan", .lookUp(isLong: false), yieldsToBusy: true)
    /// What it would write it only looks at.
    package var touches: [Touched] { work.touches.map { Touched(.read, on: $0.branch, $0.thing) } }

    package var body: Request.Body { .plan(self) }
    package static func body(of answer: Answer) -> Reply.Body { .planned(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .planned(let answer) = body { answer } else { nil }
    }
}

/// What would be written.
public struct Plan: Hashable, Sendable {
    /// The state that it was made in.
    public var at: Position
    /// Names exactly this: the same work can be done on condition that it still writes this.
    public var id: PlanID
    /// Of many the first; beyond 4 MiB of values in all their records are announced.
    public var changes: [PlannedChange]
    /// So many more.
    public var unlisted: Int
    /// What somebody has to decide before anything can be written. Of many the first.
    public var conflicts: [MergeConflict]
    public var unlistedConflicts: Int
    /// Keys that both sides of a merge have changed in the same way.
    public var agreed: Int
    /// Of a merge: the target contains the source already.
    public var isContained: Bool

    package init(
        at: Position, id: PlanID, changes: [PlannedChange] = [], unlisted: Int = 0, conflicts: [MergeConflict] = [],
        unlistedConflicts: Int = 0, agreed: Int = 0, isContained: Bool = false
    ) {
        self.at = at
        self.id = id
        self.changes = changes
        self.unlisted = unlisted
        self.conflicts = conflicts
        self.unlistedConflicts = unlistedConflicts
        self.agreed = agreed
        self.isContained = isContained
    }

    package static let mostChanges = 10_000
}

/// A key, as it is and as it would be.
public struct PlannedChange: Hashable, Sendable {
    public var key: Key
    /// `nil`: there is no record.
    public var from: Record?
    /// `nil`: it goes. Its revision is 0: nobody has written it yet.
    public var to: Record?
    /// The versions of the key that it is made of, by their revisions.
    public var madeOf: [Revision]
    /// Somebody decided it, or a policy did.
    public var isSettled: Bool

    package init(key: Key, from: Record?, to: Record?, madeOf: [Revision], isSettled: Bool) {
        self.key = key
        self.from = from
        self.to = to
        self.madeOf = madeOf
        self.isSettled = isSettled
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(key)
        hasher.combine(madeOf)
    }
}
