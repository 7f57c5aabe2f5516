import Foundation
import MembusDocuments
import MembusModel
import Synchronization
import Testing

@testable import MembusMCP

@Suite("What results hold")
struct RoomTests {
    @Test("the size of a result is told before it is written, and is about what is written")
    func sizes() {
        let texts = ["", "plain", String(repeating: "\u{1}", count: 1000), "\"\\\n\t", "\u{E9}\u{1F600}"]
        for text in texts {
            let value: JSONValue = ["a": .string(text), "b": [1, true, .null, .string(text)]]
            #expect(value.size >= value.line.utf8.count && value.size <= value.line.utf8.count + 80)
        }
    }

    @Test("what comes first fits in any case; after it what there is room for")
    func budget() {
        var budget = ResultBudget(100)
        let firsts = [budget.takes(.string(String(repeating: "x", count: 1000))), budget.takes("y")]
        #expect(firsts == [true, false])
        budget = ResultBudget(100)
        let halves = (0..<3).map { _ in budget.takes(.string(String(repeating: "x", count: 40))) }
        #expect(halves == [true, true, false])
    }

    @Test("only a few results are put together at once, and what is not sent yet has others wait")
    func room() async throws {
        let (room, builders) = (Room(), Builders())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    let part = Room.Part(room)
                    _ = try await part.build {
                        builders.begin()
                        try await Task.sleep(for: .milliseconds(2))
                        builders.end()
                        return Weight(weight: 1 << 10)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(builders.most <= 4 && room.held == 0)

        var large: Room.Part? = Room.Part(room)
        _ = try await large?.build { Weight(weight: 64 << 20) }
        #expect(room.held > 64 << 20)
        let next = Task {
            let part = Room.Part(room)
            return try await part.build { Weight(weight: 1) }.weight
        }
        try await Task.sleep(for: .milliseconds(30))
        #expect(room.held > 64 << 20)
        large = nil
        #expect(try await next.value == 1)
        #expect(room.held == 0)
    }

    @Test("who is cancelled waits for no place, and what fails holds none")
    func failing() async throws {
        let room = Room()
        let large = Room.Part(room)
        _ = try await large.build { Weight(weight: 64 << 20) }
        let next = Task { try await Room.Part(room).build { Weight(weight: 1) }.weight }
        next.cancel()
        await #expect(throws: CancellationError.self) { try await next.value }
        withExtendedLifetime(large) {}
        struct Failure: Error {}
        let other = Room()
        for _ in 0..<10 {
            await #expect(throws: Failure.self) {
                try await Room.Part(other).build { () throws -> Weight in throw Failure() }
            }
        }
        #expect(try await Room.Part(other).build { Weight(weight: 1) }.weight == 1)
    }
}

private struct Weight: Weighed, Sendable {
    let weight: Int
}

private final class Builders: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    var most: Int { counts.withLock { $0.most } }
    func begin() { counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
    func end() { counts.withLock { $0.now -= 1 } }
}
