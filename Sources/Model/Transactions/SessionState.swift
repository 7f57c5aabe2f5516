// A session's numbers, and what became of each:
//
//   1 … acknowledged   the client has these outcomes: forgotten
//   … last             decided; the outcomes of the newest 256 (by default) are kept
//   last + 1           the only number that may be executed
//
// Invariants: acknowledged ≤ last; a number is decided once; every kept number n has
// max(acknowledged, last - most) < n ≤ last. So a number is never executed twice, whatever is resent.

/// The outcome of a decided number, as it is stored with the decision.
package struct KeptResult: Sendable, Hashable {
    /// ``Work/fingerprint`` of what was decided; 0: not compared.
    package var fingerprint: UInt64
    package var result: Kept
    package init(fingerprint: UInt64, result: Kept) {
        self.fingerprint = fingerprint
        self.result = result
    }
}

package enum Kept: Sendable, Hashable {
    case committed(Position)
    case held(Position)
    case forked(Position, FrozenCount)
    case conflict([KeptConflict], at: Position)
    case merged(Position, MergeReport)
    /// Which keys, and why: who had written what is not told again.
    case unsettled([KeptUnsettled], unlisted: Int, at: Position)
    /// A refusal that sending it again can't change.
    case refused(Refusal)
}

/// A failed precondition without the record that stood there, which a late retry gets if it is still kept.
package struct KeptConflict: Sendable, Hashable {
    /// The precondition's place in the transaction.
    package var index: Int
    package var key: Key
    package var revision: Revision
    package init(index: Int, key: Key, revision: Revision) {
        self.index = index
        self.key = key
        self.revision = revision
    }
}

package struct KeptUnsettled: Sendable, Hashable {
    package var key: Key
    package var kind: MergeConflictKind
    package init(key: Key, kind: MergeConflictKind) {
        self.key = key
        self.kind = kind
    }
}

/// What is to be done with a number that has arrived.
package enum Admission: Sendable, Hashable {
    /// It is the next: decide it, then call ``SessionState/decided(number:_:)``.
    case execute
    /// It was decided before, as this.
    case known(KeptResult)
    case refuse(Refusal)
}

package struct SessionState: Sendable {
    package static let mostKept: UInt64 = 256

    /// The author of the session's commits.
    package let agent: String
    package private(set) var last: UInt64
    package private(set) var acknowledged: UInt64
    package private(set) var results: [UInt64: KeptResult]
    /// How many outcomes are kept at most.
    private let most: UInt64

    /// Results outside the kept range are dropped.
    package init(
        agent: String, last: UInt64 = 0, acknowledged: UInt64 = 0, results: [UInt64: KeptResult] = [:],
        most: UInt64 = mostKept
    ) {
        precondition(acknowledged <= last, "a session can't have acknowledged what was not decided")
        self.agent = agent
        self.last = last
        self.acknowledged = acknowledged
        self.results = results
        self.most = most
        let floor = floor
        if !results.isEmpty { self.results = results.filter { floor < $0.key && $0.key <= last } }
    }

    /// Numbers up to this one are forgotten.
    package var floor: UInt64 { max(acknowledged, last > most ? last - most : 0) }

    package func admit(number: UInt64, fingerprint: UInt64) -> Admission {
        guard number > 0 else {
            return .refuse(
                Refusal(.malformed, "a transaction's number is 0", hint: "number a session's transactions 1, 2, 3, …"))
        }
        guard number <= last else {
            return number - last == 1 ? .execute : .refuse(outOfOrder(number))
        }
        guard let kept = results[number] else {
            return .refuse(Refusal(.numberForgotten, "number \(number) was decided, and its outcome is no longer kept"))
        }
        guard kept.fingerprint == fingerprint || kept.fingerprint == 0 || fingerprint == 0 else {
            return .refuse(Refusal(.numberReused, "number \(number) was used for another transaction"))
        }
        return .known(kept)
    }

    private func outOfOrder(_ number: UInt64) -> Refusal {
        Refusal(
            .outOfOrder, "number \(number) came, but the last one decided is \(last)",
            hint: "send again from number \(last + 1), in order")
    }

    /// - Precondition: `number` is ``last`` + 1.
    package mutating func decided(number: UInt64, _ result: KeptResult) {
        precondition(number > last && number - last == 1, "number \(number) decided after \(last)")
        last = number
        results[number] = result
        if number > most { results[number - most] = nil }
    }

    /// The client will not ask for numbers up to this one again. Never goes back, and never beyond ``last``:
    /// what is not decided yet can't have been answered.
    package mutating func acknowledge(_ through: UInt64) {
        let through = min(through, last)
        guard through > acknowledged else { return }
        let first = floor + 1
        acknowledged = through
        if first <= through { for number in first...through { results[number] = nil } }
    }
}
