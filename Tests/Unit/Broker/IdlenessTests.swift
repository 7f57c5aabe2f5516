import MembusModel
import Testing

@testable import MembusBroker

@Suite("A broker without clients")
struct IdlenessTests {
    @Test("it is idle once nobody came for the whole span, and not before")
    func span() {
        func at(_ seconds: Int64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
        var idleness = Idleness(after: .seconds(60), now: at(0))
        let looks = [(false, 59), (true, 61), (false, 120), (false, 121)].map { hasClients, seconds in
            idleness.look(hasClients: hasClients, now: at(seconds))
        }
        #expect(looks == [false, false, false, true])
    }
}
