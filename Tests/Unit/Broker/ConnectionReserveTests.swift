import MembusModel
import Testing

@testable import MembusBroker

@Suite struct ConnectionReserveTests {
    @Test("that connections are turned away is told once, with the figure, and that they no longer are")
    func news() {
        var reserve = ConnectionReserve()
        let start = Instant(nanoseconds: 1_000_000_000)
        #expect(reserve.look(turnedAway: 0, limit: 64, now: start) == nil)
        guard case .begun(let line) = reserve.look(turnedAway: 3, limit: 64, now: start) else {
            Issue.record("nothing is told")
            return
        }
        #expect(line.contains("all 64 files"))
        #expect(reserve.look(turnedAway: 9, limit: 64, now: start + .seconds(1)) == nil)
        #expect(reserve.look(turnedAway: 9, limit: 64, now: start + .seconds(2)) == nil)
        guard case .over = reserve.look(turnedAway: 9, limit: 64, now: start + .seconds(4)) else {
            Issue.record("its end is not told")
            return
        }
        #expect(reserve.look(turnedAway: 9, limit: 64, now: start + .seconds(5)) == nil)
    }
}
