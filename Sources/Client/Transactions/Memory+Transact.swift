import FoundationEssentials

extension Memory {
    /// Runs a closure that reads and changes, and commits what it asks for: all of it, or nothing.
    ///
    /// What it reads with ``Draft/get(_:)-(String)`` must still be so at the commit. If not, the closure runs
    /// again on the new state, at most `retries` times. Returns once this agent's own views of the branch
    /// show the commit. Takes effect once, whatever gets lost or crashes.
    /// - Parameter timeout: of the whole call, reruns included.
    /// - Throws: ``MembusError/conflict(_:at:)`` after the last try;
    ///   ``MembusError/timeout(of:outcomeUnknown:last:)``, which tells whether it may have taken effect;
    ///   ``MembusError/committedButNotSeen(_:)``; whatever the closure throws (nothing is written then).
    @discardableResult
    public nonisolated(nonsending) func transact(
        message: String = "", branch: BranchName? = nil, retries: Int = 0, timeout: Duration? = nil,
        _ body: (Draft) async throws -> Void
    ) async throws -> Receipt {
        let deadline = MonotonicClock.now + (timeout ?? connection.settings.timeout)
        var triesLeft = max(0, retries)
        while true {
            do {
                return try await attempt(message: message, branch: branch ?? self.branch, until: deadline, body)
            } catch let error as MembusError {
                guard triesLeft > 0, error.isMendedByRerunning else { throw error }
                triesLeft -= 1
            }
        }
    }

    private nonisolated(nonsending) func attempt(
        message: String, branch: BranchName, until deadline: Instant, _ body: (Draft) async throws -> Void
    ) async throws -> Receipt {
        let connection = connection
        let draft = Draft(branch: branch) { keys, at in
            let left = deadline - MonotonicClock.now
            let fetched = try await connection.records(keys, branch: branch, at: at, timeout: left)
            return Draft.Fetched(token: fetched.token, records: fetched.records)
        }
        try await body(draft)
        let product = try draft.finish(context: context, message: message)
        if product.isEmpty, let token = product.token { return Receipt(token: token, isCommitted: false) }
        return try await submit(product.transaction, timeout: deadline - MonotonicClock.now)
    }

    /// Has a ready-made transaction executed, once.
    /// - Throws: like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func submit(_ transaction: Transaction, timeout: Duration? = nil) async throws -> Receipt {
        try await enqueue(transaction, timeout: timeout).receipt()
    }

    /// Has a ready-made transaction executed after those that this agent enqueued before, without waiting:
    /// many may be under way at once.
    public func enqueue(_ transaction: Transaction, timeout: Duration? = nil) throws -> Submission {
        try Submission(connection: connection, .transaction(transaction), timeout: timeout)
    }

    /// Makes a branch: a line of memory that starts as the parent was at a revision. Copies nothing.
    @discardableResult
    public func fork(
        _ name: BranchName, from parent: BranchName? = nil, at revision: Revision? = nil, message: String = "",
        timeout: Duration? = nil
    ) async throws -> Receipt {
        let fork = Fork(name: name, parent: parent ?? branch, at: revision, context: context, message: message)
        return try await Submission(connection: connection, .fork(fork), timeout: timeout).receipt()
    }
}

/// A transaction under way.
public struct Submission: Sendable {
    private let connection: Connection
    private let pending: PendingCall

    init(connection: Connection, _ work: Work, timeout: Duration?) throws {
        self.connection = connection
        pending = try connection.start(.transact(work), timeout: timeout)
    }

    /// Waits for its outcome. Cancelling the task gives the transaction up: one that was not sent yet never is.
    /// - Throws: like ``Memory/transact(message:branch:retries:timeout:_:)``.
    public func receipt() async throws -> Receipt {
        guard case .decided(let outcome, let lineage) = try await connection.value(of: pending) else {
            throw Connection.unexpected
        }
        switch outcome {
        case .committed(let position):
            return Receipt(token: Token(lineage: lineage, position: position), isCommitted: true)
        case .held(let position): return Receipt(token: Token(lineage: lineage, position: position), isCommitted: false)
        case .conflict(let failed, let position): throw MembusError.conflict(failed, at: position)
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
