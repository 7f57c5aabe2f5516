import Synchronization
import Testing

@testable import MembusHTTP

@Suite("Alarms")
struct AlarmTests {
    @Test("those that are not called off ring, in their order, each once")
    func ringing() async throws {
        let (alarms, rung) = (Alarms(), Rung())
        var called: [Int] = []
        for number in 0..<20 {
            let patience = Duration.milliseconds(number % 2 == 0 ? 200 - number : 100)
            let alarm = alarms.add(after: patience) { rung.add(number) }
            if number % 2 == 1 { called.append(alarm) }
        }
        for alarm in called { alarms.remove(alarm) }
        #expect(alarms.count == 10)
        while alarms.count > 0 { try await Task.sleep(for: .milliseconds(10)) }
        try await Task.sleep(for: .milliseconds(20))
        #expect(rung.all == (0..<10).map { 18 - 2 * $0 })
        // And one that comes after all the others are over.
        _ = alarms.add(after: .milliseconds(1)) { rung.add(99) }
        while rung.all.last != 99 { try await Task.sleep(for: .milliseconds(10)) }
    }
}

private final class Rung: Sendable {
    private let numbers = Mutex<[Int]>([])
    var all: [Int] { numbers.withLock { $0 } }
    func add(_ number: Int) { numbers.withLock { $0.append(number) } }
}
