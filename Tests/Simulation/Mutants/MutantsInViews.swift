import MembusChecker
import MembusModel

@testable import Membus

// Mutants between an agent's core, its caches and its own code.

/// What is said to happen to a view, and what is done to its cache for it.
struct Shown {
    var output: ViewOutput
    var done: [ViewOutput]
    init(_ output: ViewOutput, done: [ViewOutput]? = nil) {
        self.output = output
        self.done = done ?? [output]
    }
}

extension World {
    func altered(_ output: ViewOutput, of follower: Follower, _ agent: Agent) -> [Shown] {
        switch (mutant, output) {
        case (.staleUnmarked, .stale): return []
        case (.recordNotApplied, .catchUp(let records, let to))
        where follower.follow.mode == .update && records.count > 1:
            return [Shown(output, done: [.catchUp(records.dropLast(), to: to)])]
        case (.cutGoesBack, .install(let records, let at)):
            if mutants.installed[follower.name] == nil { mutants.installed[follower.name] = (records, at) }
        case (.cutGoesBack, .catchUp(_, let to)):
            // The late page of an earlier pull.
            guard let old = mutants.installed[follower.name] else { break }
            return [Shown(output)] + lowering(follower, agent, to: old.at, with: old.records, from: to)
        case (.bookmarkLowersCut, .advance(let to)):
            // An earlier bookmark, that was held up.
            defer { mutants.before[follower.name] = to }
            guard let old = mutants.before[follower.name] else { break }
            return [Shown(output)] + lowering(follower, agent, to: old, with: nil, from: to)
        default: break
        }
        return [Shown(output)]
    }

    /// A cache refuses to go back: it is emptied and filled anew, which is not on record.
    private func lowering(
        _ follower: Follower, _ agent: Agent, to old: Position, with records: [Record]?, from cut: Position
    ) -> [Shown] {
        guard old.revision < cut.revision, let lineage = agent.core.views[follower.id]?.machine.lineage,
            let held = records ?? (try? follower.shared.snapshot().records)
        else { return [] }
        let said: ViewOutput = records == nil ? .advance(to: old) : .install(held, at: old)
        return [Shown(said, done: [.reset(lineage), .install(held, at: old)])]
    }

    /// What comes of an agent's call.
    func altered(
        _ then: @escaping (Result<Answer, any Error>) -> Void, of call: Call, by agent: Agent
    ) -> (Result<Answer, any Error>) -> Void {
        if mutant == .watchSkipsToTheCut, case .reach(let view, .changed) = call {
            // Where it is by now, though a change on the way there is what it tells of.
            return { [unowned agent] result in
                guard case .success(.heard) = result, let cut = agent.core.views[view]?.machine.cut else {
                    return then(result)
                }
                then(.success(.heard(Quiet(upTo: cut.revision, basis: cut))))
            }
        }
        guard mutant == .waitersSurviveReset, case .reach(let view, .atLeast(let token)) = call else { return then }
        let life = agent.life
        return { [unowned agent] result in
            guard case .failure(MembusError.historyChanged(let now)) = result, agent.isAlive(life) else {
                return then(result)
            }
            // It waits on, for the same revision of the other history.
            let other = Token(lineage: now, position: Position(revision: token.revision, hash: 0))
            agent.call(.reach(view, .atLeast(other)), timeout: .seconds(5), then)
        }
    }

    /// What is answered of an update view's state.
    func answerFromOldSnapshot(_ read: inout Read, _ follower: Follower) {
        guard mutant == .readsFromAnOldSnapshot, read.consistency == .cached, follower.follow.mode == .update else {
            return
        }
        if let old = mutants.snapshots[follower.name], old.token.lineage == read.token.lineage, dice.chance(50) {
            read.token = old.token
            read.found = old.records.filter { read.keys.contains($0.key) }
            read.isAnnouncing = true
        }
        guard mutants.snapshots[follower.name].map({ now - $0.time > .milliseconds(200) }) ?? true,
            let snapshot = try? follower.shared.snapshot()
        else { return }
        mutants.snapshots[follower.name] = (now, snapshot.token, snapshot.records)
    }

    /// A warm file as it is loaded.
    func altered(_ file: WarmFile) -> WarmFile {
        switch mutant {
        case .warmFileIncomplete:
            return WarmFile(
                branch: file.branch, filter: file.filter, token: file.token, records: file.records.dropLast())
        case .warmFileOfOldHistory:
            guard let broker, let here = try? broker.reader.position(of: file.token.revision, visible: .max) else {
                return file
            }
            let token = Token(lineage: broker.lineage, position: here)
            return WarmFile(branch: file.branch, filter: file.filter, token: token, records: file.records)
        default: return file
        }
    }
}
