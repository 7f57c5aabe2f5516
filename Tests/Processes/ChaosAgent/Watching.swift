import Foundation
import Membus
import MembusDice
import MembusRecording
import Synchronization

// Watches. Each agent has one at a time, and puts on record where it starts, what it delivers and how it ends. After
// a while, or when it ends by itself, another follows: from where the one before had got to, or from somewhere
// else. Where it has got to is kept on disk, so that the agent's next life can go on from there.

/// From where a watch starts. `after` is a token; `nil`: from now on.
private struct WatchStart: Codable, Sendable {
    var topics: [String]
    var branch: String
    var after: String?
}

/// The agent's present watch.
final class WatchPost: Sendable {
    struct State {
        var number: UInt64 = 0
        fileprivate var start = WatchStart(topics: [], branch: "main", after: nil)
        /// The newest change that was delivered.
        var told: Token?
        /// Where all of the commits are delivered.
        var complete: Token?
        var savedAt: Int64 = 0
    }
    fileprivate let state = Mutex(State())
}

extension Worker {
    private var watchFile: URL { URL(fileURLWithPath: options.warm + "/watch.json") }

    /// Until its task is cancelled.
    func keepWatching(_ dice: Dice) async {
        var dice = dice
        var start = (try? Data(contentsOf: watchFile)).flatMap { try? JSONDecoder().decode(WatchStart.self, from: $0) }
        while !Task.isCancelled {
            let length = Int64(dice.within(2...20)) * 1_000_000_000
            start = await watchOnce(start ?? anyStart(&dice), until: monotonic() + length)
            if dice.chance(40) { start = nil }
        }
    }

    private func anyStart(_ dice: inout Dice) -> WatchStart {
        let known = dice.chance(70) ? dice.pick(board.newest() + seats.map { "\($0.view.token)" } + [""]) : ""
        let isToken = Token(known).map { $0.lineage.id != 0 } ?? false
        return WatchStart(
            topics: dice.pick(Profile.topics), branch: pickBranch(&dice).text, after: isToken ? known : nil)
    }

    /// - Returns: where another can go on, if this one was not ended by an error.
    private func watchOnce(_ start: WatchStart, until end: Int64) async -> WatchStart? {
        let number = watching.state.withLock { state in
            state = WatchPost.State(number: state.number + 1, start: start)
            state.complete = start.after.flatMap { Token($0) }
            return state.number
        }
        recorder.note(.watching(watch: number, branch: start.branch, topics: start.topics, after: start.after))
        do {
            for try await change in changes(from: start) {
                if monotonic() > end, !isResting { break }
                delivered(change, of: number)
            }
            recorder.note(.watchEnded(watch: number, why: nil))
        } catch is CancellationError {
            return nil
        } catch {
            if Task.isCancelled { return nil }
            recorder.note(.watchEnded(watch: number, why: Self.name(of: error)))
            try? FileManager.default.removeItem(at: watchFile)
            try? await Task.sleep(for: .milliseconds(300))
            return nil
        }
        let complete = watching.state.withLock { $0.complete }
        return WatchStart(topics: start.topics, branch: start.branch, after: complete.map { "\($0)" })
    }

    private func changes(from start: WatchStart) -> Watch {
        let branch = BranchName(unchecked: start.branch)
        guard let token = start.after.flatMap({ Token($0) }) else { return memory.watch(start.topics, branch: branch) }
        return memory.watch(start.topics, after: token, branch: branch)
    }

    private func delivered(_ change: WatchedChange, of number: UInt64) {
        let token = Token(lineage: change.lineage, position: change.commit.position)
        recorder.note(.delivered(watch: number, token: "\(token)", record: ToldRecord(change.record)))
        let start: WatchStart? = watching.state.withLock { state in
            // With the first change of another commit the one before is complete.
            if let told = state.told, told.revision < token.revision { state.complete = told }
            state.told = token
            guard monotonic() - state.savedAt > 200_000_000, let complete = state.complete else { return nil }
            state.savedAt = monotonic()
            var start = state.start
            start.after = "\(complete)"
            return start
        }
        if let start, let data = try? JSONEncoder().encode(start) { try? data.write(to: watchFile, options: .atomic) }
    }

    /// At rest: the watch has some seconds to deliver what the log says was written last. Then it is to have told of
    /// everything.
    func restWatch() async {
        let (number, start) = watching.state.withLock { ($0.number, $0.start) }
        let deadline = monotonic() + 10_000_000_000
        var newest: Revision = 0
        do {
            let log = try memory.log(start.topics, branch: BranchName(unchecked: start.branch), pageSize: 1)
            for try await commit in log {
                newest = commit.info.revision
                break
            }
        } catch { failed("log", error) }
        while monotonic() < deadline, watching.state.withLock({ ($0.told ?? $0.complete)?.revision ?? 0 }) < newest {
            try? await Task.sleep(for: .milliseconds(50))
        }
        recorder.note(.watchRested(watch: number))
    }
}
