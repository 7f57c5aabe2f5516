import MembusModel
import MembusStore
import Testing

@testable import MembusBroker

@Suite("A write-ahead log that is held")
struct HeldLogTests {
    @Test("is told with the processes that read, each once, and with what the broker itself reads for")
    func holders() {
        let now = Instant(nanoseconds: 60_000_000_000)
        let held = LogWatch.Held(
            since: now - .seconds(10),
            readers: [
                (LogReader(process: 7, place: 1), now - .seconds(9)),
                (LogReader(process: 1, place: 2), now - .seconds(5)),
                (LogReader(process: 7, place: 2), now - .seconds(3)),
                (LogReader(process: 8, place: 2), now - .seconds(2)),
            ])
        let running = [
            RunningLookUps.Running(name: "the backup", since: now - .seconds(4)),
            RunningLookUps.Running(name: "the verification", since: now - .milliseconds(10)),
        ]
        let told = HeldLog(held, bytes: 40 << 20, running: running, own: 1, now: now) { $0 == 7 ? "membus" : nil }
        #expect(told.duration == .seconds(10) && told.bytes == 40 << 20)
        #expect(told.holders.map(\.process) == [7, 8, 1])
        #expect(told.holders.map(\.duration) == [.seconds(9), .seconds(2), .seconds(4)])
        #expect(
            told.told.contains("membus (process 7, for 9 s)") && told.told.contains("the backup (process 1, for 4 s)"))
        #expect(told.told.contains("40 MiB"))
    }
}
