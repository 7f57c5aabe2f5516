import MembusModel

@testable import Membus

/// Drives one of the product's calls of several requests in the world's time, as `Connection` does under `await`.
final class Driving<Driven: StepwiseCall> {
    unowned let agent: Agent
    private(set) var driven: Driven
    private let patience: Patience
    private let life: Int
    /// Actions so far.
    private(set) var steps = 0

    /// Sees each action, and may alter it; `nil`: the call is given up.
    var alter: (Driving, Driven.Action) -> Driven.Action? = { _, action in action }
    /// Sees what came of an action before the call does.
    var hear: (inout Driven, Driven.Input) -> Void = { _, _ in }
    /// Gets what is handed over, and how the call ends.
    private let then: (Driving, Result<Driven.Product, any Error>) -> Void

    init(
        _ driven: Driven, by agent: Agent, _ patience: Patience,
        then: @escaping (Driving, Result<Driven.Product, any Error>) -> Void
    ) {
        self.driven = driven
        self.agent = agent
        self.patience = patience
        self.then = then
        life = agent.life
    }

    func begin() { step { try $0.begin() } }

    func take(_ input: Driven.Input) {
        hear(&driven, input)
        step { try $0.take(input) }
    }

    /// What nobody should do: a mutant's own hand in the call.
    func tamper(_ body: (inout Driven) -> Void) { body(&driven) }

    private func step(_ body: (inout Driven) throws -> Driven.Action) {
        let action: Driven.Action
        do { action = try body(&driven) } catch { return then(self, .failure(error)) }
        steps += 1
        if let action = alter(self, action) { carryOut(action) }
    }

    private func carryOut(_ action: Driven.Action) {
        switch action {
        case .hand(let product): then(self, .success(product))
        case .pause(let time):
            agent.world.after(time) { [self] _ in if agent.isAlive(life) { take(.passed) } }
        case .make(let call, let most):
            agent.call(call, timeout: patience.timeout(within: most, at: agent.now)) { [self] result in
                guard agent.isAlive(life) else { return }
                switch result {
                case .success(let answer): take(.answered(answer))
                case .failure(let error): take(.failed(error, isLast: patience.isOver(at: agent.now)))
                }
            }
        case .release(let call, let most): agent.call(call, timeout: most) { [self] _ in take(.passed) }
        }
    }
}
