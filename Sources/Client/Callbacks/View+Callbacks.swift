import MembusSystem

extension View {
    package func get(
        _ keys: [String], _ consistency: Consistency, timeout: Duration?, then tell: @escaping Telling<Snapshot>
    ) throws -> any Cancellable {
        connection.errand(try collecting(keys, consistency), connection.deadline(timeout), tell)
    }

    /// What the view is awaited for.
    package enum Awaited: Sendable {
        case live
        case atLeast(Token)
        case within(Duration)
        case linearizable
    }

    /// Tells what the view is at then.
    package func wait(
        for awaited: Awaited, timeout: Duration?, then tell: @escaping Telling<Token>
    ) -> any Cancellable {
        let freshness: Freshness =
            switch awaited {
            case .live: .live
            case .atLeast(let token): .atLeast(token)
            case .within(let age): .within(age)
            case .linearizable: .linearizable
            }
        let reached = SingleCall(call: .reach(id, freshness))
        return connection.errand(reached, connection.deadline(timeout)) { [shared] result in
            tell(
                Result {
                    if let failure = shared.failure { throw failure }
                    _ = try result.get()
                    return shared.token
                })
        }
    }
}
