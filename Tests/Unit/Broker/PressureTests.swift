import MembusModel
import Testing

@testable import MembusBroker

@Suite struct PressureTests {
    @Test("freed memory is given back once it is worth it, twice more for what is freed late, and not at once")
    func memory() {
        var memory = MemoryReturn()
        let start = Instant(nanoseconds: 1_000_000_000)
        let mib = 1 << 20
        for (held, after, isDue) in [
            (0, 0, false), (100 * mib, 0, false), (93 * mib, 1, false), (50 * mib, 2, true), (50 * mib, 3, false),
            (0, 4, false), (0, 8, true), (0, 80, true), (0, 160, true), (0, 240, false),
        ] {
            let said = memory.isDue(held: held, most: held, now: start + .seconds(after))
            #expect(said == isDue, "\(held) bytes after \(after) s")
        }
    }

    @Test("memory is given back, too, after a rush that came and went between two looks")
    func betweenLooks() {
        var memory = MemoryReturn()
        let start = Instant(nanoseconds: 1_000_000_000)
        let atRest = memory.isDue(held: 0, most: 0, now: start)
        let afterARush = memory.isDue(held: 0, most: 27 << 20, now: start + .seconds(1))
        #expect(!atRest && afterARush)
    }

    @Test("that events are announced for want of room is told once, and that they no longer are")
    func events() {
        var pressure = EventPressure()
        let start = Instant(nanoseconds: 1_000_000_000)
        #expect(pressure.look(bytesWaiting: 0, now: start) == nil)
        pressure.count()
        guard case .begun(let line) = pressure.look(bytesWaiting: 24 << 20, now: start) else {
            Issue.record("nothing is told")
            return
        }
        #expect(line.contains("24 MiB"))
        pressure.count()
        #expect(pressure.look(bytesWaiting: 24 << 20, now: start + .seconds(1)) == nil)
        guard case .over = pressure.look(bytesWaiting: 0, now: start + .seconds(9)) else {
            Issue.record("its end is not told")
            return
        }
    }

    @Test("that subscribers are disconnected is told once")
    func subscriptions() {
        var pressure = SubscriptionPressure()
        let start = Instant(nanoseconds: 1_000_000_000)
        #expect(pressure.look(disconnected: 0, now: start) == nil)
        guard case .begun = pressure.look(disconnected: 1, now: start) else {
            Issue.record("nothing is told")
            return
        }
        #expect(pressure.look(disconnected: 1, now: start) == nil)
    }
}
