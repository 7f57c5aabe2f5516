import MembusModel
import Testing

@Suite("Sessions")
struct SessionTests {
    func kept(_ number: UInt64, fingerprint: UInt64? = nil) -> KeptResult {
        KeptResult(
            fingerprint: fingerprint ?? number, result: .committed(Position(revision: Revision(number), hash: number)))
    }
    func session(decided: UInt64) -> SessionState {
        var session = SessionState(agent: "ada")
        for number in 0..<decided { session.decided(number: number + 1, kept(number + 1)) }
        return session
    }
    func refusal(_ admission: Admission) -> Refusal.Code? {
        if case .refuse(let failure) = admission { failure.code } else { nil }
    }

    @Test("only the number after the last is executed")
    func next() {
        let session = session(decided: 3)
        #expect(session.admit(number: 4, fingerprint: 9) == .execute)
        #expect(refusal(session.admit(number: 5, fingerprint: 9)) == .outOfOrder)
        if case .refuse(let failure) = session.admit(number: 9, fingerprint: 9) {
            #expect(failure.message.contains("last one decided is 3") && failure.hint.contains("4"))
        }
        #expect(refusal(session.admit(number: 0, fingerprint: 9)) == .malformed)
    }

    @Test("a number sent again gets the same outcome, with another payload an error")
    func again() {
        let session = session(decided: 3)
        #expect(session.admit(number: 2, fingerprint: 2) == .known(kept(2)))
        #expect(refusal(session.admit(number: 2, fingerprint: 7)) == .numberReused)
    }

    @Test("what the edge refused is not compared")
    func notCompared() {
        var session = session(decided: 1)
        session.decided(number: 2, kept(2, fingerprint: 0))
        #expect(session.admit(number: 1, fingerprint: 0) == .known(kept(1)))
        #expect(session.admit(number: 2, fingerprint: 55) == .known(kept(2, fingerprint: 0)))
    }

    @Test("an acknowledged number is forgotten, and never executed again")
    func acknowledged() {
        var session = session(decided: 5)
        session.acknowledge(3)
        #expect(session.results.keys.sorted() == [4, 5])
        for number in 1...3 as ClosedRange<UInt64> {
            #expect(refusal(session.admit(number: number, fingerprint: number)) == .numberForgotten)
        }
        #expect(session.admit(number: 4, fingerprint: 4) == .known(kept(4)))
    }

    @Test("an acknowledgement never goes back, and never beyond the last number")
    func acknowledgeBounds() {
        var session = session(decided: 5)
        session.acknowledge(3)
        session.acknowledge(1)
        #expect(session.acknowledged == 3)
        session.acknowledge(.max)
        #expect(session.acknowledged == 5 && session.results.isEmpty)
        #expect(session.admit(number: 6, fingerprint: 6) == .execute)
    }

    @Test("at most 256 outcomes are kept, the newest")
    func bounded() {
        var session = session(decided: 300)
        #expect(session.results.count == 256 && session.results[44] == nil && session.results[45] != nil)
        #expect(refusal(session.admit(number: 44, fingerprint: 44)) == .numberForgotten)
        session.acknowledge(299)
        #expect(session.results.keys.sorted() == [300])
    }

    @Test("a session read back from the store behaves as before")
    func restored() {
        let session = SessionState(
            agent: "ada", last: 300, acknowledged: 10,
            results: [5: kept(5), 44: kept(44), 45: kept(45), 300: kept(300), 301: kept(301)])
        #expect(session.results.keys.sorted() == [45, 300])
        #expect(session.admit(number: 301, fingerprint: 1) == .execute)
        let last = SessionState(agent: "ada", last: .max)
        #expect(refusal(last.admit(number: .max, fingerprint: 1)) == .numberForgotten)
    }
}
