import MembusModel
import Testing

@testable import MembusEndpoint

@Suite struct PaceTests {
    @Test("pauses double from a second to five minutes, and begin anew after an answer")
    func doubling() {
        var pace = RetryPace()
        let pauses = (0..<12).map { _ in pace.pause(after: .passing(asked: nil)) }
        #expect(pauses.prefix(9).map(\.components.seconds) == [1, 2, 4, 8, 16, 32, 64, 128, 256])
        #expect(pauses.dropFirst(9).allSatisfy { $0 == .seconds(300) })
        for _ in 0..<1000 { #expect(pace.pause(after: .passing(asked: nil)) == .seconds(300)) }
        pace.reset()
        #expect(pace.pause(after: .passing(asked: nil)) == .seconds(1))
    }

    @Test("what the endpoint asks for is done, from a second to an hour")
    func asked() {
        var pace = RetryPace()
        for _ in 0..<5 { _ = pace.pause(after: .passing(asked: nil)) }
        #expect(pace.pause(after: .passing(asked: .seconds(7))) == .seconds(7))
        #expect(pace.pause(after: .passing(asked: .zero)) == .seconds(1))
        #expect(pace.pause(after: .passing(asked: .seconds(1 << 40))) == .seconds(3600))
    }

    @Test("what a person has to change is tried again every five minutes")
    func lasting() {
        var pace = RetryPace()
        for _ in 0..<5 { #expect(pace.pause(after: .lasting) == .seconds(300)) }
    }

    @Test("Retry-After is understood in seconds and as a date")
    func retryAfter() {
        let now = Timestamp(milliseconds: 784_111_777_000)
        #expect(RetryAfter.wait("120", now: now) == .seconds(120))
        #expect(RetryAfter.wait("0", now: now) == .zero)
        #expect(RetryAfter.wait("Sun, 06 Nov 1994 08:49:37 GMT", now: now) == .zero)
        #expect(RetryAfter.wait("Sun, 06 Nov 1994 08:50:00 GMT", now: now) == .seconds(23))
        #expect(RetryAfter.wait("Sun, 06 Nov 1994 08:00:00 GMT", now: now) == .zero)
        let leap = Timestamp(milliseconds: 1_709_164_800_000)
        #expect(RetryAfter.wait("Thu, 29 Feb 2024 00:00:00 GMT", now: leap) == .zero)
        #expect(RetryAfter.wait("Fri, 01 Mar 2024 00:00:01 GMT", now: leap) == .seconds(86_401))
        #expect(RetryAfter.wait("99999999999999999999999", now: now) == .seconds(1_000_000_000))
    }

    @Test(
        "a Retry-After that says nothing is none",
        arguments: [
            "", "soon", "-1", "1.5", "+3", "1 2", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Now 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 08:+9:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT", "06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 ::: GMT",
        ])
    func nonsense(header: String) {
        #expect(RetryAfter.wait(header, now: Timestamp(milliseconds: 0)) == nil)
    }
}
