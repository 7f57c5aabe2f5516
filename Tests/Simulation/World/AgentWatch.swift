import MembusChecker
import MembusModel

@testable import Membus

/// A watch of an agent's: the product's `Watching` decides. It ends with its agent, or by an answer.
final class AgentWatch {
    let name: WatchName
    private let agent: Agent
    private let signal: ViewID
    private let branch: BranchName
    private let filter: TopicFilter
    private var hasBegun = false
    private var asked: LogCursor?
    /// All is read, as far as it knows.
    private(set) var isWaiting = false
    private(set) var isOver = false

    init(_ name: WatchName, of agent: Agent, by signal: ViewID, on branch: BranchName, _ filter: TopicFilter) {
        self.name = name
        self.agent = agent
        self.signal = signal
        self.branch = branch
        self.filter = filter
    }

    func begin(_ start: Watching.Start, pageSize: Int) {
        let watching = Watching(signal: signal, branch: branch, filter: filter, from: start, pageSize: pageSize)
        began(watching)
        agent.world.followed.insert(StreamDefinition(branch: branch, filter: filter, mode: .invalidate))
        agent.take(.follow(signal, Follow(branch: branch, filter: filter, mode: .invalidate, isSignal: true)))
        let driving = Driving(watching, by: agent, .each(.seconds(10))) { [self] driving, result in
            switch result {
            case .success(let change):
                agent.world.coverage.count(.watched)
                agent.world.note(.watch(name, .delivered([change.record], change.lineage)))
                driving.take(.passed)
            case .failure(let error): ended(error)
            }
        }
        driving.alter = { [self] driving, action in
            began(driving.driven)
            if case .make(.reach(_, .changed), _) = action { isWaiting = true }
            if case .make(.request(.history), _) = action { agent.world.coverage.count(.watchedLarge) }
            if case .make(.request(.log(let log)), _) = action { asked = log.cursor }
            return action
        }
        driving.hear = { [self] _, input in
            isWaiting = false
            count(input)
        }
        driving.begin()
    }

    private func count(_ input: Watching.Input) {
        guard case .answered(let answer) = input else { return }
        switch answer {
        case .heard(let quiet):
            if quiet != nil { agent.world.coverage.count(.watchQuiet) }
            if agent.core.views[signal]?.machine.isStale == true { agent.world.coverage.count(.watchPolled) }
        case .reply(let reply):
            guard case .log = reply.body, let asked, let broker = agent.world.broker else { return }
            if asked < .end(of: broker.floor) { agent.world.coverage.count(.watchBelowFloor) }
        case .decided, .reached: break
        }
    }

    private func began(_ watching: Watching) {
        guard !hasBegun, let progress = watching.progress else { return }
        hasBegun = true
        let token = progress.basis.flatMap { basis in
            progress.lineage.map { Token(lineage: $0, position: basis) }
        }
        agent.world.note(.watch(name, .began(branch, filter, after: progress.cursor.revision, of: token)))
    }

    /// It waits, though its signal is at the head: it has read all, or never will.
    func isAtRest(at position: Position, of lineage: Lineage) -> Bool {
        guard isWaiting, let machine = agent.core.views[signal]?.machine else { return false }
        return machine.cut == position && machine.lineage == lineage && !machine.isStale
    }

    private func ended(_ error: any Error) {
        switch error {
        case MembusError.historyChanged(let now):
            agent.world.coverage.count(.watchEnded)
            agent.world.note(.watch(name, .historyChanged(now: now)))
        case MembusError.refused(let refusal):
            agent.world.coverage.count(.watchEnded)
            if hasBegun { agent.world.note(.watch(name, .failed(refusal))) }
        default: agent.world.note(.broken(.liveAgain, "\(name) ends: \(error)"))
        }
        isOver = true
        isWaiting = false
        agent.take(.unfollow(signal))
    }
}

extension World {
    func watch(by agent: Agent) {
        guard agent.watchings.count(where: { !$0.isOver }) < 2 else { return }
        let filter = TopicFilter(dice.pick(Profile.topics).map { Topic(unchecked: $0) })
        let start: Watching.Start
        switch dice.below(10) {
        case 0...3: start = .after(max(0, (broker?.core.visible.revision ?? 0) - Int64(dice.below(6))))
        case 4...6 where !tokens.isEmpty: start = .of(dice.pick(tokens.suffix(8)))
        default: start = .now
        }
        agent.watch(
            start, on: dice.chance(75) ? .main : dice.pick(branches), filter, pageSize: dice.pick([1, 2, 5, 500]))
    }
}
