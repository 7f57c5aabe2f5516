import MembusBus
import MembusSystem

/// A transaction whose owner runs it without a closure: reads and changes the ``draft``, commits, and runs all of it again
/// if told so. The rules of reruns are those of ``Memory/transact(message:branch:retries:timeout:_:)``.
package final class TransactionRun: Cancellable {
    private struct State {
        var draft: Draft
        /// Why the last read of this attempt failed.
        var failure: (any Error)?
        /// It has a result, and none may follow.
        var isOver = false
    }
    private let memory: Memory
    private let message: String
    private let branch: BranchName
    private let patience: Patience
    private let errand: Errand<Rerunning>
    private let state: Lock<State>

    package init(_ memory: Memory, message: String, branch: BranchName?, retries: Int, timeout: Duration?) {
        self.memory = memory
        self.message = message
        self.branch = branch ?? memory.branch
        patience = memory.connection.deadline(timeout)
        errand = Errand(Rerunning(retries: retries), memory.connection, patience)
        state = Lock(State(draft: Self.draft(self.branch)))
        // The first attempt: nothing is asked of anybody for it.
        errand.begin { _ in }
    }

    /// What it reads is fetched by ``get(_:isRequired:then:)``.
    private static func draft(_ branch: BranchName) -> Draft {
        Draft(branch: branch) { _, _ in throw MembusError.closed }
    }

    /// The attempt's: what it requires and changes.
    package var draft: Draft { state.withLock { $0.draft } }

    /// Reads of one attempt are of one revision. What is read becomes a precondition, or is only noted.
    package func get(
        _ keys: [String], isRequired: Bool, then tell: @escaping Telling<Snapshot>
    ) throws -> (any Cancellable)? {
        let draft = draft
        let wanted = try draft.wanted(keys)
        let told: Telling<Void> = { [self] fetched in
            let found = Result {
                try fetched.get()
                let (token, records) = try draft.look(wanted)
                if isRequired { draft.require(records) }
                return Snapshot(token: token, records: records)
            }
            if case .failure(let error) = found { state.withLock { $0.failure = error } }
            tell(found)
        }
        guard wanted.isToFetch else {
            told(.success(()))
            return nil
        }
        let reading = KeysInParts(wanted.missing, branch: branch, at: wanted.at)
        return memory.connection.errand(reading, patience) { told($0.map { draft.take($0) }) }
    }

    /// Tells what it became; `nil`: what was read has changed, and the transaction is to be run again, from its beginning.
    /// - Throws: ``MembusError/refused(_:)`` if it has become something already.
    package func commit(then tell: @escaping Telling<Receipt?>) throws {
        if state.withLock({ $0.isOver }) {
            throw MembusError.refused(
                Refusal(.invalidArgument, "the transaction is over", hint: "begin another one"))
        }
        let input: Rerunning.Input
        do { input = .given(try draft.finish(context: memory.context, message: message)) } catch {
            input = .failed(error, isLast: patience.isOver(at: Instant.now))
        }
        errand.carryOn(input) { [self] in tell(took($0)) }
    }

    /// Whether running it again mends what the last read of this attempt failed with. It is empty again then.
    /// - Throws: that error, if it does not.
    package func runAgain() throws {
        let (failure, isOver) = state.withLock { ($0.failure, $0.isOver) }
        if isOver {
            throw MembusError.refused(
                Refusal(.invalidArgument, "the transaction is over", hint: "begin another one"))
        }
        guard let failure else {
            throw MembusError.refused(
                Refusal(
                    .invalidArgument, "no read of the transaction has failed", hint: "commit it, or begin another one"))
        }
        let result = Guarded<Result<Receipt?, any Error>>(.success(nil))
        // Told before this returns: the next attempt asks nobody anything.
        errand.carryOn(.failed(failure, isLast: patience.isOver(at: Instant.now))) { [self] told in
            let taken = took(told)
            result.withLock { $0 = taken }
        }
        _ = try result.withLock { $0 }.get()
    }

    private func took(_ step: Result<Rerunning.Product, any Error>) -> Result<Receipt?, any Error> {
        if case .success(.run) = step {
            state.withLock { state in
                state.draft = Self.draft(branch)
                state.failure = nil
            }
            return .success(nil)
        }
        state.withLock { $0.isOver = true }
        return step.map { if case .finished(let receipt) = $0 { receipt } else { nil } }
    }

    package func cancel() { errand.cancel() }
}
