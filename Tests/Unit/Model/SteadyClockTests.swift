import MembusModel
import Testing

@Suite("The time that decisions are made by")
struct SteadyClockTests {
    private static let noon: Int64 = 1_700_000_000_000

    /// Reads it at so many seconds since the start, with the wall clock so many seconds after noon.
    private struct Reader {
        var clock: SteadyClock
        init(lastCommit: Int64? = nil) {
            clock = SteadyClock(lastCommit: lastCommit.map { Timestamp(milliseconds: noon + $0 * 1000) })
        }
        mutating func callAsFunction(at seconds: Int64, wall: Int64) -> Int64 {
            let time = clock.time(
                wall: Timestamp(milliseconds: noon + wall * 1000),
                now: Instant(nanoseconds: (seconds + 7) * 1_000_000_000))
            return (time.milliseconds - noon) / 1000
        }
    }

    @Test("it follows the wall clock, and small steps of it at once")
    func follows() {
        var read = Reader()
        #expect(read(at: 0, wall: 100) == 100)
        #expect(read(at: 10, wall: 110) == 110)
        #expect(read(at: 20, wall: 124) == 124)
        #expect(read(at: 30, wall: 130) == 130)
    }

    @Test("a leap counts once it has lasted 30 s, and one that ends before never does", arguments: [3_456_000, -3600])
    func leaps(by leap: Int64) {
        var read = Reader()
        #expect(read(at: 0, wall: 0) == 0)
        #expect(read(at: 10, wall: 10 + leap) == 10)
        #expect(read(at: 39, wall: 39 + leap) == 39)
        #expect(read(at: 40, wall: 40 + leap) == 40 + leap)
        // Back for good, but first somewhere else: each place has to last.
        #expect(read(at: 50, wall: 50 + 2 * leap) == 50 + leap)
        #expect(read(at: 79, wall: 79) == 79 + leap)
        #expect(read(at: 100, wall: 100) == 100 + leap)
        #expect(read(at: 109, wall: 109) == 109)
        var brief = Reader()
        #expect(brief(at: 0, wall: 0) == 0)
        #expect(brief(at: 10, wall: 10 + leap) == 10)
        #expect(brief(at: 11, wall: 11) == 11)
        #expect(brief(at: 60, wall: 60 + leap) == 60)
    }

    @Test("at a start the wall clock counts at once, unless it is before the last commit")
    func start() {
        var later = Reader(lastCommit: 0)
        #expect(later(at: 0, wall: 3600) == 3600)
        var earlier = Reader(lastCommit: 0)
        #expect(earlier(at: 0, wall: -3600) == 0)
        #expect(earlier(at: 20, wall: 20 - 3600) == 20)
        #expect(earlier(at: 30, wall: 30 - 3600) == 30 - 3600)
    }

    @Test("a clock that was never set counts only where nothing better is known")
    func unset() {
        let year1970 = -Self.noon / 1000
        var known = Reader(lastCommit: 0)
        for seconds in stride(from: Int64(0), through: 600, by: 10) {
            #expect(known(at: seconds, wall: year1970 + seconds) == seconds)
        }
        #expect(known(at: 610, wall: 1000) == 610)
        #expect(known(at: 640, wall: 1030) == 1030)
        var new = Reader()
        #expect(new(at: 0, wall: year1970) == year1970)
        #expect(new(at: 1, wall: 0) == year1970 + 1)
        #expect(new(at: 31, wall: 30) == 30)
    }
}

@Suite("How old history is")
struct HistoryAgesTests {
    private func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

    @Test("a revision is as old as brokers have run since it was the newest")
    func ages() {
        var ages = HistoryAges()
        ages.mark(1, time(0))
        ages.pass(.seconds(60))
        ages.mark(5, time(60))
        ages.pass(.seconds(60))
        ages.mark(9, time(120))
        #expect(ages.mark(before: .seconds(120)) == nil)
        #expect(ages.mark(before: .seconds(119))?.revision == 1)
        #expect(ages.mark(before: .seconds(59))?.revision == 5)
        #expect(ages.mark(before: .zero)?.revision == 5, "what came this very moment has no age yet")
        // Another run: what came after the last mark that was kept is as young as its start.
        var next = HistoryAges(marks: ages.marks)
        next.mark(40, time(10_000), always: true)
        next.pass(.seconds(30))
        #expect(next.mark(before: .seconds(20))?.revision == 40)
        #expect(next.mark(before: .seconds(40))?.revision == 5)
    }

    @Test("marks stay few, and tell nearly as much; never too much")
    func bounded() {
        var ages = HistoryAges()
        for second in 1...100_000 {
            ages.pass(.seconds(1))
            ages.mark(Revision(second), time(Int64(second)))
        }
        #expect(ages.marks.count <= 1500)
        for span in [10, 100, 1000, 10_000, 50_000, 90_000] {
            let revision = ages.mark(before: .seconds(span))?.revision ?? 0
            #expect(revision < 100_000 - span && revision >= 100_000 - span - 2 - span / 16)
        }
    }
}
