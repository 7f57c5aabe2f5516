// A transaction whose closure runs again when what it read has changed.
//
//   run (the owner's closure) ─▶ what it came to ─▶ [nothing to write: hand] ─▶ submit ─▶ committed: hand the receipt
//    ▲                             │ a mended error                               │ a conflict
//    └──────── tries are left ◀────┴──────────────────────────────────────────────┘
//
// Invariants: an attempt begins only once it is certain that the one before wrote nothing; at most one attempt is
// committed; the closure runs at most `retries` + 1 times.

struct Rerunning: StepwiseCall {
    enum Product: Sendable {
        /// Run the closure on a new draft and give what that came to; or say how it failed.
        case run(attempt: Int)
        case finished(Receipt)
    }
    typealias Given = Draft.Product

    let retries: Int
    /// Attempts begun.
    private(set) var attempts = 0

    /// - Parameter retries: how often it may run again; less than none is none.
    init(retries: Int) { self.retries = max(0, retries) }

    mutating func begin() -> Action {
        attempts += 1
        return .hand(.run(attempt: attempts))
    }

    mutating func take(_ input: Input) throws -> Action {
        switch input {
        case .given(let draft):
            if draft.isEmpty, let token = draft.token {
                return .hand(.finished(Receipt(token: token, isCommitted: false)))
            }
            return .make(.transact(.transaction(draft.transaction)), within: nil)
        case .answered(let answer):
            do { return .hand(.finished(try answer.receipt())) } catch { return try again(after: error, isLast: false) }
        case .failed(let error, let isLast): return try again(after: error, isLast: isLast)
        case .passed: preconditionFailure("what the closure came to is waited for, or an answer")
        }
    }

    private mutating func again(after error: any Error, isLast: Bool) throws -> Action {
        guard attempts <= retries, !isLast, let known = error as? MembusError, known.isMendedByRerunning else {
            throw error
        }
        return begin()
    }
}

extension Answer {
    /// - Throws: ``MembusError/conflict(_:at:)``; ``Connection/unexpected`` if it answers something else.
    func receipt() throws -> Receipt {
        guard case .decided(let outcome, let lineage) = self else { throw Connection.unexpected }
        switch outcome {
        case .committed(let position), .merged(let position, _):
            return Receipt(token: Token(lineage: lineage, position: position), isCommitted: true)
        case .forked(let position, let frozen):
            return Receipt(token: Token(lineage: lineage, position: position), isCommitted: true, frozen: frozen)
        case .held(let position): return Receipt(token: Token(lineage: lineage, position: position), isCommitted: false)
        case .conflict(let failed, let position): throw MembusError.conflict(failed, at: position)
        case .unsettled(let conflicts, let unlisted, let position):
            throw MembusError.unsettled(conflicts, unlisted: unlisted, at: position)
        }
    }
}

extension MembusError {
    /// Whether running the closure again on a newer state can help: nothing was written.
    var isMendedByRerunning: Bool {
        switch self {
        case .conflict: true
        case .refused(let refusal): [.belowFloor, .historyDiffers, .beyondHead].contains(refusal.code)
        default: false
        }
    }
}
