import MembusChecker
import MembusModel

@testable import Membus

// A watch as the product's `Watch` is one, without `await`. The order:
//
//   listen (a signal becomes live) ─▶ ask ─▶ take a page ─▶ ask … ─▶ at the log's end: wait for the signal ─▶ ask
//
// How far it has read, and what the next page has to continue, is the product's LogProgress. A broker that is away is
// waited for; only an answer ends a watch, or its agent's end.
final class Watching {
    enum Start {
        case after(Revision)
        case of(Token)
        /// From what the signal is at.
        case now
    }

    let name: WatchName
    private let agent: Agent
    private let signal: ViewID
    private let branch: BranchName
    private let filter: TopicFilter
    private let pageSize: Int
    private var progress: LogProgress?
    /// All is read, as far as it knows.
    private(set) var isWaiting = false
    private(set) var isOver = false

    init(
        _ name: WatchName, of agent: Agent, by signal: ViewID, on branch: BranchName, _ filter: TopicFilter,
        pageSize: Int
    ) {
        self.name = name
        self.agent = agent
        self.signal = signal
        self.branch = branch
        self.filter = filter
        self.pageSize = pageSize
    }

    func begin(_ start: Start) {
        switch start {
        case .after(let revision): began(after: revision, of: nil)
        case .of(let token): began(after: token.revision, of: token)
        case .now: break
        }
        agent.world.followed.insert(StreamDefinition(branch: branch, filter: filter, mode: .invalidate))
        agent.take(.follow(signal, Follow(branch: branch, filter: filter, mode: .invalidate, isSignal: true)))
        call(.reach(signal, .live), timeout: .seconds(24 * 3600)) { watching in
            if watching.progress == nil { watching.beginNow() }
            watching.ask()
        }
    }

    private func began(after revision: Revision, of token: Token?) {
        progress = LogProgress(after: revision, basis: token?.position, lineage: token?.lineage)
        agent.world.note(.watch(name, .began(branch, filter, after: revision, of: token)))
    }

    private func beginNow() {
        guard let machine = agent.core.views[signal]?.machine, let cut = machine.cut, let lineage = machine.lineage
        else { return }
        began(after: cut.revision, of: Token(lineage: lineage, position: cut))
    }

    /// It waits, though its signal is at the head: it has read all, or never will.
    func isAtRest(at position: Position, of lineage: Lineage) -> Bool {
        guard isWaiting, let machine = agent.core.views[signal]?.machine else { return false }
        return machine.cut == position && machine.lineage == lineage && !machine.isStale
    }

    // MARK: Reading

    private func ask() {
        guard let progress else { return end() }
        let asked = GetLog(
            branch: branch, filter: filter, ascending: true, cursor: progress.cursor, basis: progress.basis,
            limit: pageSize,
            values: true)
        call(.request(.log(asked)), timeout: .seconds(10)) { watching in
            watching.ask()
        } answered: { watching, reply in
            watching.take(reply)
        }
    }

    private func take(_ reply: Reply) {
        guard var progress else { return }
        do {
            let changes = try progress.take(Answered(reply, to: GetLog.self))
            self.progress = progress
            if changes.isEmpty, progress.isAtEnd { return wait(after: progress.cursor.revision) }
            agent.world.coverage.count(.watched, times: changes.count)
            if !changes.isEmpty { agent.world.note(.watch(name, .delivered(changes.map(\.record), reply.lineage))) }
            ask()
        } catch MembusError.historyChanged(let now) {
            agent.world.coverage.count(.watchEnded)
            agent.world.note(.watch(name, .historyChanged(now: now)))
            end()
        } catch {
            agent.world.note(.broken(.filteredTruth, "\(name) cannot read a page: \(error)"))
            end()
        }
    }

    private func wait(after revision: Revision) {
        isWaiting = true
        call(.reach(signal, .changed(after: revision)), timeout: .seconds(3600)) { watching in watching.ask() }
    }

    private func end() {
        isOver = true
        isWaiting = false
        agent.take(.unfollow(signal))
    }

    // MARK: Calls

    /// - Parameters:
    ///   - then: when it is done, and when a broker that is away was waited for in vain.
    ///   - answered: with a reply instead, if that is what comes.
    private func call(
        _ call: Call, timeout: Duration, _ then: @escaping (Watching) -> Void,
        answered: ((Watching, Reply) -> Void)? = nil
    ) {
        let life = agent.life
        agent.call(call, timeout: timeout) { [self] result in
            guard agent.isAlive(life), !isOver else { return }
            isWaiting = false
            switch result {
            case .success(.reply(let reply)): answered?(self, reply)
            case .success: then(self)
            case .failure(MembusError.timeout): then(self)
            case .failure(MembusError.refused(let failure)) where failure.code.remedy == .retry:
                agent.world.after(.milliseconds(200)) { [self] _ in
                    if agent.isAlive(life), !isOver { then(self) }
                }
            case .failure(MembusError.refused(let failure)):
                agent.world.coverage.count(.watchEnded)
                if progress != nil { agent.world.note(.watch(name, .failed(failure))) }
                end()
            case .failure(let error):
                agent.world.note(.broken(.liveAgain, "\(name) ends: \(error)"))
                end()
            }
        }
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
