import MembusSystem

extension Connection {
    /// Carries out what a call of several requests asks for, from where it stands until it hands something over.
    func begin<C: StepwiseCall>(_ call: inout C, _ patience: Patience) async throws -> C.Product {
        let action = try call.begin()
        return try await carryOut(action, of: &call, patience)
    }

    /// The same, once the owner has an answer to what was handed to it.
    func carryOn<C: StepwiseCall>(_ call: inout C, _ input: C.Input, _ patience: Patience) async throws -> C.Product {
        let action = try call.take(input)
        return try await carryOut(action, of: &call, patience)
    }

    private func carryOut<C: StepwiseCall>(
        _ first: C.Action, of call: inout C, _ patience: Patience
    ) async throws -> C.Product {
        var action = first
        while true {
            if case .hand(let product) = action { return product }
            let input: C.Input
            do { input = try await answer(to: action, patience) } catch {
                input = .failed(error, isLast: patience.isOver(at: Instant.now))
            }
            action = try call.take(input)
        }
    }

    private func answer<Product, Given>(
        to action: CallAction<Product>, _ patience: Patience
    ) async throws -> CallInput<Given> {
        switch action {
        case .make(let call, let most):
            let timeout = patience.timeout(within: most, at: Instant.now)
            return .answered(try await perform(call, timeout: timeout))
        case .pause(let time): try await Task.sleep(for: time)
        case .release(let call, let time):
            // In a task of its own, which nobody cancels.
            _ = await Task { try await perform(call, timeout: time) }.result
        case .hand: break
        }
        return .passed
    }

    /// - Parameter timeout: of a whole call; `nil`: as long as the connection gives.
    func deadline(_ timeout: Duration?) -> Patience { .until(Instant.now + (timeout ?? settings.timeout)) }
}
