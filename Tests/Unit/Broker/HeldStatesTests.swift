import MembusModel
import Testing

@testable import MembusBroker

@Suite("The states that lists are being read of")
struct HeldStatesTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    @Test("a state is held while a page is read, and until half a minute after one that is not the last")
    func life() {
        var table = HoldTable()
        table.begin(5, now: start)
        #expect(table.oldest(now: start + .seconds(3600 / 10)) == 5)
        table.end(5, more: true, now: start + .seconds(10))
        #expect(table.oldest(now: start + .seconds(39)) == 5)
        #expect(table.oldest(now: start + .seconds(40)) == nil)
        table.begin(7, now: start + .seconds(40))
        table.end(7, more: false, now: start + .seconds(41))
        #expect(table.oldest(now: start + .seconds(41)) == nil)
    }

    @Test("the last page of one list does not let go of the state that another is being read of")
    func shared() {
        var table = HoldTable()
        table.begin(5, now: start)
        table.begin(5, now: start)
        table.end(5, more: true, now: start)
        table.end(5, more: false, now: start)
        #expect(table.oldest(now: start + .seconds(1)) == 5)
    }

    @Test("the oldest counts")
    func oldest() {
        var table = HoldTable()
        for revision in [9, 5, 7] as [Revision] {
            table.begin(revision, now: start)
            table.end(revision, more: true, now: start)
        }
        #expect(table.oldest(now: start) == 5)
    }

    @Test("nobody holds a state for longer than ten minutes, however often they ask")
    func longest() {
        var table = HoldTable()
        var now = start
        while now < start + .seconds(590) {
            table.begin(5, now: now)
            table.end(5, more: true, now: now)
            now = now + .seconds(10)
        }
        #expect(table.oldest(now: start + .seconds(595)) == 5)
        table.begin(5, now: start + .seconds(601))
        table.end(5, more: true, now: start + .seconds(601))
        #expect(table.oldest(now: start + .seconds(602)) == nil)
    }

    @Test("beyond their bound lists are read without being held")
    func bound() {
        var table = HoldTable()
        for revision in 1...Revision(HoldTable.most + 1) { table.begin(revision, now: start) }
        table.end(1, more: false, now: start)
        #expect(table.oldest(now: start) == 2)
        for revision in 2...Revision(HoldTable.most) { table.end(revision, more: false, now: start) }
        #expect(table.oldest(now: start) == nil)
    }
}
