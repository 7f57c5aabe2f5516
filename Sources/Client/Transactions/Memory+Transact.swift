import FoundationEssentials
import MembusSystem

extension Memory {
    /// Runs a closure that reads and changes, and commits what it asks for: all of it, or nothing.
    ///
    /// What it reads with ``Draft/get(_:)-(String)`` must still be so at the commit. If not, the closure runs
    /// again on the new state, at most `retries` times. Returns once this agent's own views of the branch
    /// show the commit. Takes effect once, whatever gets lost or crashes.
    /// - Parameters:
    ///   - message: what the commit is recorded with.
    ///   - branch: `nil`: the connection's.
    ///   - retries: how often the closure may run again.
    ///   - timeout: of the whole call, reruns included; `nil`: the connection's.
    ///   - body: reads and changes; it may run several times.
    /// - Throws: ``MembusError/conflict(_:at:)`` after the last try;
    ///   ``MembusError/timeout(of:outcomeUnknown:last:)``, which tells whether it may have taken effect;
    ///   ``MembusError/committedButNotSeen(_:)``; whatever the closure throws (nothing is written then).
    @discardableResult
    public nonisolated(nonsending) func transact(
        message: String = "", branch: BranchName? = nil, retries: Int = 0, timeout: Duration? = nil,
        _ body: (Draft) async throws -> Void
    ) async throws -> Receipt {
        try await transact(
            message: message, context: context, branch: branch, retries: retries, timeout: timeout, body)
    }

    /// The same in another context than the connection's.
    @discardableResult
    package nonisolated(nonsending) func transact(
        message: String, context: String, branch: BranchName? = nil, retries: Int = 0, timeout: Duration? = nil,
        _ body: (Draft) async throws -> Void
    ) async throws -> Receipt {
        let patience = connection.deadline(timeout)
        var rerunning = Rerunning(retries: retries)
        var step = try await connection.begin(&rerunning, patience)
        while true {
            if case .finished(let receipt) = step { return receipt }
            let drafted = await drafted(
                message: message, context: context, branch: branch ?? self.branch, patience, body)
            step = try await connection.carryOn(&rerunning, drafted, patience)
        }
    }

    /// What the closure comes to.
    private nonisolated(nonsending) func drafted(
        message: String, context: String, branch: BranchName, _ patience: Patience,
        _ body: (Draft) async throws -> Void
    ) async -> Rerunning.Input {
        let draft = Draft(branch: branch) { [connection] keys, at in
            try await connection.records(keys, branch: branch, at: at, patience)
        }
        do {
            try await body(draft)
            return .given(try draft.finish(context: context, message: message))
        } catch {
            return .failed(error, isLast: patience.isOver(at: Instant.now))
        }
    }

    /// Has a ready-made transaction executed, once.
    /// - Parameters:
    ///   - transaction: what is to be committed.
    ///   - timeout: of the whole call; `nil`: the connection's.
    /// - Throws: like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func submit(_ transaction: Transaction, timeout: Duration? = nil) async throws -> Receipt {
        try await enqueue(transaction, timeout: timeout).receipt()
    }

    /// The same, without waiting until own views show it: whoever reads one then has to ask for the receipt's token.
    package func commit(_ transaction: Transaction) async throws -> Receipt {
        try await Submission(connection: connection, .transaction(transaction), timeout: nil, isShown: false).receipt()
    }

    /// Has a ready-made transaction executed after those that this agent enqueued before, without waiting:
    /// many may be under way at once.
    /// - Parameters:
    ///   - transaction: what is to be committed.
    ///   - timeout: until its outcome; `nil`: the connection's.
    /// - Throws: ``MembusError/refused(_:)`` if too many calls wait; ``MembusError/closed``.
    public func enqueue(_ transaction: Transaction, timeout: Duration? = nil) throws -> Submission {
        try Submission(connection: connection, .transaction(transaction), timeout: timeout)
    }
}

/// A transaction under way.
public struct Submission: Sendable {
    private let connection: Connection
    private let pending: PendingCall

    init(connection: Connection, _ work: Work, timeout: Duration?, isShown: Bool = true) throws {
        self.connection = connection
        pending = try connection.start(.transact(work, isShown: isShown), timeout: timeout)
    }

    /// Waits for its outcome. Cancelling the task gives the transaction up: one that was not sent yet never is.
    /// - Throws: like ``Memory/transact(message:branch:retries:timeout:_:)``.
    public func receipt() async throws -> Receipt { try await answer().receipt() }

    func answer() async throws -> Answer { try await connection.value(of: pending) }
}
