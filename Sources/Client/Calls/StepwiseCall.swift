// Calls of several requests: a read of many keys, a list in pages, a watch, a transaction with its reruns, a backup.
// Each is a value that says what to do next and is told what came of it. It has no socket, clock, task or randomness:
// the same value runs under `await`, in a seeded world, and behind whatever other door leads to the library.
//
//   begin ─▶ action ─▶ carried out ─▶ input ─▶ action … ─▶ hand (what the owner asked for, or a part of it)
//
// Invariants:
//   1. Each action is answered by one input, before the next action is asked for.
//   2. `begin` says what to do from where the call stands: it also takes up a call again that has thrown.
//   3. Once `take` throws, nothing is under way and nothing is held at the broker.

/// A call of several requests, as a value.
protocol StepwiseCall<Product>: Sendable {
    /// What it hands to its owner: at its end, or on the way.
    associatedtype Product: Sendable
    /// What the owner may answer to that, beside that it is done with it; `Never`: nothing.
    associatedtype Given: Sendable
    typealias Action = CallAction<Product>
    typealias Input = CallInput<Given>

    mutating func begin() throws -> Action
    mutating func take(_ input: Input) throws -> Action
}

/// What is to be done next. All but the last are the same for every call, and have one driver.
enum CallAction<Product: Sendable>: Sendable {
    /// Have the client's core do this, then say ``CallInput/answered(_:)`` or ``CallInput/failed(_:isLast:)``.
    /// - `within`: how long that may take; `nil`: as long as the owner gives each request.
    case make(Call, within: Duration?)
    /// Wait this long, then say ``CallInput/passed``.
    case pause(Duration)
    /// Let go of something at the broker, though the owner may have been cancelled; then say ``CallInput/passed``,
    /// whatever came of it.
    case release(Call, within: Duration)
    /// Hand it to the owner, who says what comes next.
    case hand(Product)

    static func ask(_ operation: some Operation) -> Self { .make(.request(operation.body), within: nil) }
    static func reach(_ view: ViewID, _ freshness: Freshness, within: Duration? = nil) -> Self {
        .make(.reach(view, freshness), within: within)
    }
}

extension CallAction {
    /// A part's action, as that of the whole call; `body` says what this does with what the part hands over.
    func then<Whole>(
        _ body: (Product) throws -> CallAction<Whole>
    ) rethrows -> CallAction<Whole> {
        switch self {
        case .make(let call, let most): .make(call, within: most)
        case .pause(let time): .pause(time)
        case .release(let call, let most): .release(call, within: most)
        case .hand(let product): try body(product)
        }
    }
}

/// What came of an action.
enum CallInput<Given: Sendable>: Sendable {
    /// The pause is over, or the owner is done with what was handed to it.
    case passed
    case answered(Answer)
    /// Nothing came of it. `isLast`: there is no time for another attempt.
    case failed(any Error, isLast: Bool)
    /// The owner's answer to what was handed to it.
    case given(Given)
}

/// How long a call may take.
enum Patience: Sendable {
    /// All of it: until then.
    case until(Instant)
    /// Each of its requests: so long.
    case each(Duration)

    func timeout(within most: Duration?, at now: Instant) -> Duration {
        switch self {
        case .until(let deadline): min(deadline - now, most ?? deadline - now)
        case .each(let time): most ?? time
        }
    }

    func isOver(at now: Instant) -> Bool {
        if case .until(let deadline) = self { now >= deadline } else { false }
    }
}

extension Answer {
    /// - Throws: ``Connection/unexpected`` if it answers something else.
    func answered<O: Operation>(to operation: O.Type) throws -> Answered<O.Answer> {
        guard case .reply(let reply) = self else { throw Connection.unexpected }
        return try Answered(reply, to: operation)
    }
}

/// What tells that the broker holds another history than the one that is read on. Which one, a second request learns.
enum ChangedHistory {
    static func isTold(by error: any Error) -> Bool {
        guard case MembusError.refused(let refusal) = error else { return false }
        return [.historyDiffers, .beyondHead].contains(refusal.code)
    }

    /// Any reply names the lineage; this one is short.
    static let question = GetBranches(limit: 1)

    static func error(_ answer: Answer) throws -> MembusError {
        .historyChanged(now: try answer.answered(to: GetBranches.self).lineage)
    }
}
