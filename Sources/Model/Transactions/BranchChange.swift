// What becomes of branches and tags. Each is a commit without records, decided and hashed like any other:
//
//   open ──close──▶ closed ──reopen──▶ open      closed: nothing is written to it, and nothing on it expires; it can be read,
//     │               │                          forked, and merged into others
//     └────delete─────┴──▶ deleted               for good: no view and no read; what it shares with its forks, and what is
//                                                tagged, stays readable through those
//   protected, beside it: only merges write to it, and it can't be deleted
//
// The name of a branch is never used again, nor given to a tag: a view, a warm file or a late retry never takes one history
// for another. A tag's name may be: a tag is looked up when it is used, and the answer says what it named.

/// Has a branch be used otherwise from now on.
package struct BranchChange: Hashable, Sendable {
    /// The numbers are hashed, and fixed for good.
    package enum Action: UInt8, Hashable, Sendable, CaseIterable {
        case close = 1
        case reopen = 2
        case protect = 3
        case unprotect = 4
        case delete = 5
    }

    package var name: BranchName
    package var action: Action
    @ByBytes package var context: String
    @ByBytes package var message: String

    package init(_ name: BranchName, _ action: Action, context: String = "", message: String = "") {
        self.name = name
        self.action = action
        self.context = context
        self.message = message
    }
}

/// Names a state for good, or takes its name away.
package struct TagChange: Hashable, Sendable {
    package enum Action: Hashable, Sendable {
        /// - at: `nil`: the head.
        case create(branch: BranchName, at: Revision?)
        case delete
    }

    package var name: TagName
    package var action: Action
    @ByBytes package var context: String
    @ByBytes package var message: String

    package init(_ name: TagName, _ action: Action, context: String = "", message: String = "") {
        self.name = name
        self.action = action
        self.context = context
        self.message = message
    }
}

/// How many of the records that a fork inherited would expire, and do not on it.
public struct FrozenCount: Hashable, Sendable {
    public var records: Int
    /// Whether these are all: counting ends where there is much to look at.
    public var isAll: Bool

    package init(records: Int, isAll: Bool) {
        self.records = records
        self.isAll = isAll
    }
}

extension BranchChange {
    package func shapeRefusal(limits: Limits) -> Refusal? { limits.refusal(context: context, message: message) }
}

extension TagChange {
    package func shapeRefusal(limits: Limits) -> Refusal? {
        if case .create(_, let at?) = action, let refusal = negative(at, name.text) { return refusal }
        return limits.refusal(context: context, message: message)
    }

    /// The branch of one that goes is known to the broker alone.
    var touches: [Touched] {
        switch action {
        case .create(let branch, _): [Touched(.read, on: branch, .store), Touched(.write, on: branch, .branches)]
        case .delete: [Touched(.write, on: nil, .branches)]
        }
    }
}

extension Limits {
    fileprivate func refusal(context: String, message: String) -> Refusal? {
        refusal(ofText: context, "context", most: nameBytes, "nameBytes")
            ?? refusal(ofText: message, "message", most: messageBytes, "messageBytes")
    }
}

extension CanonicalEncoder {
    mutating func branchChange(_ change: BranchChange) {
        string(change.name.text)
        byte(change.action.rawValue)
        string(change.context)
        string(change.message)
    }

    mutating func tagChange(_ change: TagChange) {
        string(change.name.text)
        switch change.action {
        case .create(let branch, let at):
            byte(1)
            string(branch.text)
            byte(at == nil ? 0 : 1)
            if let at { integer(at) }
        case .delete: byte(2)
        }
        string(change.context)
        string(change.message)
    }
}
