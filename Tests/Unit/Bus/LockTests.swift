import Glibc
import Testing

@testable import MembusBus

@Suite("A lock")
struct LockTests {
    @Test("many threads change a value, none at the same time as another, and none is left waiting")
    func counting() throws {
        final class Shared: Sendable {
            let lock = Lock((count: 0, isHeld: false))
        }
        let shared = Shared()
        let threads = try (0..<8).map { number in
            try BusThread.start(name: "counter-\(number)") {
                for turn in 0..<20_000 {
                    shared.lock.withLock { state in
                        precondition(!state.isHeld)
                        state.isHeld = true
                        state.count += 1
                        // Now and then for long, so that others are parked.
                        if turn % 1000 == 0 { usleep(200) }
                        state.isHeld = false
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(shared.lock.withLock { $0.count } == 160_000)
    }

    @Test("an error lets go of it")
    func errors() {
        struct Failure: Error {}
        let lock = Lock(0)
        #expect(throws: Failure.self) { try lock.withLock { _ in throw Failure() } }
        #expect(lock.withLock { $0 } == 0)
    }
}
