import Membus
import MembusModel
import Synchronization

// How much of what all clients asked for is in memory at once. A request of a hundred bytes can ask for megabytes, and clients
// may take their time to read them:
//
//   enter ─▶ what is asked for is read and put together ─▶ its size is known, and held ─▶ sent ─▶ let go of
//   waits while `builders` do, or while more than `most` is held
//
// Each result by itself is bounded (see ResultBudget), so that all of it is.
package final class Room: Sendable {
    private static let builders = 4
    /// Of results that wait to be sent.
    private static let most = 64 << 20
    /// What a byte of a result takes: it stands in the result twice, and once more in the message that is written.
    private static let copies = 3
    /// For a place, before a client is told to come again.
    private static let patience: Duration = .seconds(20)
    private static let pause: Duration = .milliseconds(5)

    private struct State {
        var building = 0
        var held = 0
    }
    private let state = Mutex(State())

    package init() {}

    /// What is held, for those who want to know.
    var held: Int { state.withLock { $0.held } }

    fileprivate func enter() async throws {
        if hasEntered() { return }
        let deadline = ContinuousClock.now + Self.patience
        while !hasEntered() {
            guard ContinuousClock.now < deadline else {
                throw MembusError.refused(
                    Refusal(
                        .busy, "clients have not taken the large results that they asked for",
                        hint: "try again after a moment, or ask for less at once"))
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func hasEntered() -> Bool {
        state.withLock { state in
            guard state.building < Self.builders, state.held < Self.most else { return false }
            state.building += 1
            return true
        }
    }

    fileprivate func leave(holding size: Int) {
        state.withLock { state in
            state.building -= 1
            state.held += size
        }
    }

    fileprivate func give(back size: Int) { state.withLock { $0.held -= size } }

    /// One request's part: given back once nobody has it any more.
    final class Part: Sendable {
        private let room: Room
        private let size = Mutex(0)

        init(_ room: Room) { self.room = room }
        deinit { room.give(back: size.withLock { $0 }) }

        /// Reads and puts together what may be large.
        nonisolated(nonsending) func build<T: Weighed>(_ body: () async throws -> T) async throws -> T {
            try await room.enter()
            do {
                let built = try await body()
                let weight = built.weight * Room.copies
                size.withLock { $0 += weight }
                room.leave(holding: weight)
                return built
            } catch {
                room.leave(holding: 0)
                throw error
            }
        }
    }
}

/// What says how large it is.
protocol Weighed {
    /// In bytes, about.
    var weight: Int { get }
}
