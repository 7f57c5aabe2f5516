import Membus
import MembusModel
import Synchronization

// The connections of a server, one for each agent that its clients say they are, and the views that their reads come from. They are
// made when they are first needed, so that a server is ready before its broker is.
//
//   called ─▶ connected ─▶ idle for long: let go of ─▶ called again ─▶ connected anew, and never shown less than before
//                            └─ somebody still waits, or follows something, with it: it stays, and is used again
//
// Invariants: no more than `most` are held for callers; what an agent has seen outlives its connection.

package actor Memories {
    /// Beyond this the one that was not used for longest is given up.
    static let most = 256
    /// Agents whose sight is remembered.
    private static let mostKnown = 10_000

    private struct Place {
        let seen: Seen
        var lastUsed: ContinuousClock.Instant
        /// Held for the next call.
        var seat: Task<Seat, any Error>?
        /// There while anybody is in the midst of something with it.
        weak var present: Seat?
    }

    /// Whether an agent is connected before it calls anything.
    nonisolated let isEager: Bool
    private let idle: Duration?
    private let connect: @Sendable (String) async throws -> Memory
    private let revive: @Sendable () async -> Void
    private let giveBack: @Sendable () -> Void
    private var reviving: Task<Void, Never>?
    private var places: [ByBytes: Place] = [:]
    private var sweeping: Task<Void, Never>?
    private var isClosed = false

    /// - Parameters:
    ///   - idle: how long a connection that nobody uses is held for the next call; `nil`: for ever, and made before the first.
    ///   - connect: for an agent of this name.
    ///   - revive: called where the broker does not answer any more: starts one in its place, if that may be done.
    ///   - giveBack: called once connections were let go of: has the system get back what they took.
    package init(
        idle: Duration? = nil, connect: @escaping @Sendable (String) async throws -> Memory,
        revive: @escaping @Sendable () async -> Void = {}, giveBack: @escaping @Sendable () -> Void = {}
    ) {
        isEager = idle == nil
        self.idle = idle
        self.connect = connect
        self.revive = revive
        self.giveBack = giveBack
    }

    func seat(of agent: String) async throws -> Seat {
        if isClosed { throw MembusError.closed }
        let name = ByBytes(agent)
        let connecting = connecting(agent, name)
        do {
            let seat = try await connecting.value
            places[name]?.present = seat
            if case .disconnected(let time) = seat.memory.state, time > .seconds(1) { await reviveOnce() }
            return seat
        } catch {
            // The next call tries anew.
            if places[name]?.seat == connecting { places[name]?.seat = nil }
            throw error
        }
    }

    private func connecting(_ agent: String, _ name: ByBytes) -> Task<Seat, any Error> {
        var place = places[name] ?? Place(seen: Seen(), lastUsed: .now)
        let task: Task<Seat, any Error>
        if let held = place.seat {
            task = held
        } else if let present = place.present {
            task = Task { present }
        } else {
            task = Task { [connect, seen = place.seen] in Seat(memory: try await connect(agent), seen: seen) }
        }
        (place.seat, place.lastUsed) = (task, .now)
        places[name] = place
        bound()
        if sweeping == nil, let idle { sweeping = sweep(idle) }
        return task
    }

    private func bound() {
        if places.count > Self.most, places.values.count(where: { $0.seat != nil }) > Self.most {
            let held = places.filter { $0.value.seat != nil }
            // It is closed once nobody is in the midst of anything with it.
            if let oldest = held.min(by: { $0.value.lastUsed < $1.value.lastUsed })?.key { places[oldest]?.seat = nil }
        }
        if places.count > Self.mostKnown {
            let gone = places.filter { $0.value.seat == nil && $0.value.present == nil }
            if let oldest = gone.min(by: { $0.value.lastUsed < $1.value.lastUsed })?.key { places[oldest] = nil }
        }
    }

    private func sweep(_ idle: Duration) -> Task<Void, Never> {
        Task { [weak self, giveBack] in
            var hasLetGo = false
            while !Task.isCancelled {
                try? await Task.sleep(for: idle / 4)
                // What was let go of the last time is closed by now.
                if hasLetGo { giveBack() }
                hasLetGo = await self?.letGo(since: .now - idle) ?? false
                if await self?.rests(hasLetGo) ?? true { return }
            }
        }
    }

    /// - Returns: whether it did.
    private func letGo(since start: ContinuousClock.Instant) -> Bool {
        let unused = places.filter { $0.value.seat != nil && $0.value.lastUsed < start }.keys
        for name in unused { places[name]?.seat = nil }
        return !unused.isEmpty
    }

    /// Whether there is nothing more to look after.
    private func rests(_ hasLetGo: Bool) -> Bool {
        if hasLetGo || places.values.contains(where: { $0.seat != nil }) { return false }
        sweeping = nil
        return true
    }

    /// How many are held for callers.
    var held: Int { places.values.count { $0.seat != nil } }

    /// One at a time looks.
    private func reviveOnce() async {
        let task = reviving ?? Task { [revive] in await revive() }
        reviving = task
        await task.value
        reviving = nil
    }

    package func close() async {
        isClosed = true
        sweeping?.cancel()
        for place in places.values {
            let seat = if let task = place.seat { try? await task.value } else { place.present }
            await seat?.memory.close()
        }
        places = [:]
    }
}

/// What an agent was shown, or committed, of each branch: what it reads after that is never older.
final class Seen: Sendable {
    private let tokens = Mutex<[BranchName: Token]>([:])

    subscript(branch: BranchName) -> Token? { tokens.withLock { $0[branch] } }

    func add(_ token: Token, of branch: BranchName) {
        tokens.withLock { tokens in
            if let known = tokens[branch], known.lineage == token.lineage, known.revision >= token.revision { return }
            tokens[branch] = token
        }
    }
}

/// One agent's place: its connection, a view for each branch that it reads, and what it has seen.
actor Seat {
    nonisolated let memory: Memory
    private nonisolated let seen: Seen
    private var views: [BranchName: Task<View, any Error>] = [:]
    /// Branches beyond this are read without a view.
    private static let mostViews = 16
    /// Bytes of values that a view keeps.
    private static let capacity = 16 << 20

    init(memory: Memory, seen: Seen) { (self.memory, self.seen) = (memory, seen) }
    deinit { Task { [memory] in await memory.close() } }

    nonisolated func saw(_ token: Token, of branch: BranchName) { seen.add(token, of: branch) }

    /// Never older than what this agent has seen, or committed: nothing else has its writes wait for its views.
    private func fresh(_ asked: Consistency?, on branch: BranchName) -> Consistency {
        switch (asked, seen[branch]) {
        case (nil, let seen): seen.map { .atLeast($0) } ?? .cached
        case (.atLeast(let token)?, let seen?) where seen.lineage == token.lineage && seen.revision > token.revision:
            .atLeast(seen)
        case (let asked?, _): asked
        }
    }

    /// - Parameter consistency: `nil`: never older than what this agent has seen.
    /// - Parameter mostBytes: of values; the other keys are in the snapshot's `leftOut`.
    func read(
        _ keys: [Key], on branch: BranchName, _ consistency: Consistency?, mostBytes: Int = .max
    ) async throws -> Snapshot {
        let snapshot: Snapshot
        if let view = try await view(of: branch) {
            snapshot = try await view.get(
                keys.map(\.text), fresh(consistency, on: branch), mostBytes: mostBytes)
        } else {
            snapshot = try await memory.get(keys, at: nil, branch: branch, mostBytes: mostBytes)
        }
        saw(snapshot.token, of: branch)
        return snapshot
    }

    private func view(of branch: BranchName) async throws -> View? {
        if let view = views[branch] {
            do { return try await view.value } catch {
                views[branch] = nil
                throw error
            }
        }
        guard views.count < Self.mostViews else { return nil }
        let following = Task { [memory] in
            try await memory.follow("/", mode: .invalidate, capacity: Self.capacity, whenStale: .wait, branch: branch)
        }
        views[branch] = following
        do { return try await following.value } catch MembusError.overCapacity {
            // So many keys that no view holds them: the broker is asked each time.
            views[branch] = nil
            return nil
        } catch {
            views[branch] = nil
            throw error
        }
    }
}
