import Testing

@testable import Membus

@Suite("Places that are known to be of one history")
struct KnownPlacesTests {
    private func place(_ revision: Revision) -> Position { Position(revision: revision, hash: UInt64(revision) * 7) }

    @Test("the newest are known, and another history's are told apart")
    func known() {
        var places = KnownPlaces()
        for revision in 1...300 { places.add(place(Revision(revision))) }
        #expect(places.holds(place(300)) == true && places.holds(place(45)) == true && places.holds(place(44)) == nil)
        #expect(places.holds(Position(revision: 300, hash: 1)) == false)
    }

    @Test("with another broker only what lies within the view's state is still known")
    func anotherBroker() {
        var places = KnownPlaces()
        for revision in 1...300 { places.add(place(Revision(revision))) }
        places.forget(after: 290)
        #expect(places.holds(place(290)) == true && places.holds(place(45)) == true && places.holds(place(291)) == nil)
        // What the new one confirms takes the place of what the old one did.
        places.add(Position(revision: 291, hash: 1))
        #expect(places.holds(place(291)) == false)
        places.forget(after: 0)
        #expect(places.holds(place(290)) == nil)
    }
}
