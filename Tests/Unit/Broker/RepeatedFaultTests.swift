import MembusModel
import Testing

@testable import MembusBroker

@Suite struct RepeatedFaultTests {
    @Test("a fault five times a second is told at once, then ever more seldom, and every time is counted")
    func pauses() {
        var fault = RepeatedFault()
        let start = Instant(nanoseconds: 1_000_000_000)
        var told: [(after: Int64, line: String)] = []
        for turn in 0..<(3600 * 5) {
            let now = start + .milliseconds(turn * 200)
            #expect(fault.worked("it works", now: now) == nil)
            if let line = fault.failed("it broke", now: now) { told.append((Int64(turn) / 5, line)) }
        }
        #expect(told.map(\.after) == [0, 5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3035])
        #expect(told[0].line == "it broke")
        #expect(told[1].line == "it broke (and 24 times more since last told)")
    }

    @Test("that it works again is told once, when it has for a moment; the next fault is told at once")
    func recovery() {
        var fault = RepeatedFault()
        let start = Instant(nanoseconds: 1_000_000_000)
        #expect(fault.worked("it works", now: start) == nil)
        _ = fault.failed("it broke", now: start)
        _ = fault.failed("it broke", now: start + .seconds(1))
        #expect(fault.worked("it works", now: start + .seconds(2)) == nil)
        #expect(fault.worked("it works", now: start + .seconds(3)) == "it works again, after 2 failures")
        #expect(fault.worked("it works", now: start + .seconds(4)) == nil)
        #expect(fault.failed("it broke", now: start + .seconds(4)) == "it broke")
    }
}
