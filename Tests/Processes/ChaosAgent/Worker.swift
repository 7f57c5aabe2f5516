import Foundation
import Membus
import MembusDice
import MembusRecording
import Synchronization

/// One agent's life: tasks that write, read and follow side by side until it is told to rest.
final class Worker: Sendable {
    struct State {
        var lastOp = 0
        var lastView: UInt64 = 0
        var seats: [Seat] = []
        var branches: [BranchName] = [.main]
        var running = 0
        var isResting = false
    }
    let options: Options
    let memory: Memory
    let recorder: Recorder
    let board: TokenBoard
    let profile: Profile
    let state = Mutex(State())
    let watching = WatchPost()

    init(_ options: Options, memory: Memory) throws {
        self.options = options
        self.memory = memory
        recorder = try Recorder(path: options.record, agent: options.agent, life: options.life)
        board = TokenBoard(path: options.tokens)
        profile = Profile(seed: options.round)
    }

    var isResting: Bool { state.withLock { $0.isResting } }
    var seats: [Seat] { state.withLock { $0.seats } }
    func rest() { state.withLock { $0.isResting = true } }

    func work() async {
        var dice = Dice(seed: options.seed)
        await withTaskGroup { group in
            for _ in 0..<2 { add(&group, dice.split(), pause: profile.pause) { await self.write(&$0) } }
            for _ in 0..<2 { add(&group, dice.split(), pause: profile.pause) { await self.read(&$0) } }
            add(&group, dice.split(), pause: 200...2000) { await self.manage(&$0) }
            add(&group, dice.split(), pause: 500...3000) { await self.lookAround(&$0) }
            let first = dice.split()
            group.addTask { await self.startViews(first) }
        }
    }

    /// Does one thing after another until it is time to rest.
    private func add(
        _ group: inout TaskGroup<Void>, _ dice: Dice, pause: ClosedRange<Int>,
        _ turn: @escaping @Sendable (inout Dice) async -> Void
    ) {
        group.addTask {
            var dice = dice
            while !self.isResting {
                await self.counted { await turn(&dice) }
                try? await Task.sleep(for: dice.milliseconds(pause))
            }
        }
    }

    private func counted(_ turn: () async -> Void) async {
        state.withLock { $0.running += 1 }
        await turn()
        state.withLock { $0.running -= 1 }
    }

    /// A branch that others made, or one of its own.
    private func lookAround(_ dice: inout Dice) async {
        do {
            let found = try await memory.branches(timeout: .seconds(5)).map(\.name)
            state.withLock { $0.branches = found }
            if found.count < 5, dice.chance(20) { await fork(&dice) }
        } catch { failed("branches", error) }
    }

    func pickBranch(_ dice: inout Dice) -> BranchName {
        dice.chance(75) ? .main : dice.pick(state.withLock { $0.branches })
    }

    func failed(_ what: String, _ error: any Error) {
        recorder.note(.failed(what: what, why: Self.name(of: error)))
    }

    static func name(of error: any Error) -> String {
        switch error {
        case MembusError.refused(let failure): "failure \(failure.code)"
        case MembusError.conflict: "conflict"
        case MembusError.timeout(_, let unknown, _): unknown ? "timeout, outcome unknown" : "timeout"
        case MembusError.stale: "stale"
        case MembusError.notHere: "not here"
        case MembusError.historyChanged: "history changed"
        case MembusError.warmFile: "warm file"
        case MembusError.overCapacity: "over capacity"
        case MembusError.closed: "closed"
        default: "\(type(of: error))"
        }
    }

    // MARK: Rest

    private struct Standing: Encodable {
        struct View: Encodable {
            var view: UInt64
            var token: String
            var live: Bool
        }
        var idle: Bool
        var views: [View]
    }

    func showStanding() async {
        while !Task.isCancelled {
            let views = seats.map {
                Standing.View(view: $0.number, token: "\($0.view.token)", live: $0.view.state == .live)
            }
            let standing = Standing(idle: state.withLock { $0.running } == 0, views: views)
            if let line = try? JSONEncoder().encode(standing) {
                FileHandle.standardOutput.write(line + Data("\n".utf8))
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    /// How each view stands at the end, and what the store says of the same topics at the same revision.
    func report() async {
        await restWatch()
        for seat in seats {
            seat.stopWatching()
            let (view, isLive) = (seat.view, seat.view.state == .live)
            let token = view.token
            var digests: (own: StateDigest?, store: StateDigest?)
            if view.mode == .update, let own = try? view.digest(), own.at == token.position {
                digests.own = own.digest
                let topics = view.topics.topics.map(\.text)
                digests.store = try? await memory.digest(topics, at: token.revision, branch: view.branch).digest
            }
            recorder.note(
                .rested(
                    view: seat.number, token: told(token), isLive: isLive, digest: digests.own.map(Self.text),
                    ofStore: digests.store.map(Self.text)))
        }
    }

    private static func text(_ digest: StateDigest) -> String {
        "\(digest.count):" + digest.bytes.hexadecimal
    }
}

/// `nil` for a view without a state.
func told(_ token: Token) -> String? { token.lineage.id == 0 ? nil : "\(token)" }
