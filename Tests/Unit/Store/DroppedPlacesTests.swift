import MembusModel
import Testing

@testable import MembusStore

@Suite("What history was dropped, in bounded space")
struct DroppedPlacesTests {
    private func rows(_ names: [String], from position: Int64 = 1) -> [DroppedPlace] {
        names.enumerated().map { DroppedPlace(branch: 1, name: $1, position: position + Int64($0)) }
    }

    @Test("the prefixes of a key are those that a topic may name")
    func prefixes() {
        #expect(DroppedPlaces.prefixes(of: "a") == [])
        #expect(DroppedPlaces.prefixes(of: "a/b/c") == ["a/", "a/b/"])
        #expect(DroppedPlaces.prefixes(of: "a/b/c/") == ["a/", "a/b/"])
    }

    @Test("the longest prefix under which the keys crowd stands for them, and the others stay as they are")
    func crowd() {
        let crowded = rows((0..<90).map { "jobs/\($0 % 2)/\($0)" })
        var places = DroppedPlaces(crowded + rows(["alarms/a", "z"], from: 200), horizon: 0)
        places.reduce(to: 50)
        #expect(places.rows.count <= 50 && places.horizon == 0)
        #expect(places.rows.contains(DroppedPlace(branch: 1, name: "alarms/a", position: 200)))
        #expect(places.rows.contains { $0.name == "jobs/0/" && $0.position == 89 || $0.name == "jobs/1/" })
        #expect(!places.rows.contains { $0.name == "jobs/" })
        places.reduce(to: 3)
        #expect(places.rows.map(\.name).sorted().starts(with: ["alarms/a", "jobs/"]) && places.horizon == 0)
    }

    @Test("where no prefix is crowded, the oldest are forgotten, and the horizon says so")
    func horizon() {
        var places = DroppedPlaces(rows((0..<100).map { "k\($0)" }), horizon: 0)
        places.reduce(to: 60)
        #expect(places.rows.count <= 60 && !places.rows.isEmpty)
        #expect(places.rows.allSatisfy { $0.position > places.horizon })
        #expect(places.rows.contains { $0.name == "k99" && $0.position == 100 })
    }

    @Test("however it is reduced, nothing that was dropped is ever said to be there", arguments: UInt64(1)...20)
    func neverTooMuch(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let names = (0..<60).map { _ in
            (0..<Int.random(in: 1...3, using: &random)).map { _ in
                ["a", "b", "c", "dd"][Int.random(in: 0..<4, using: &random)]
            }.joined(separator: "/")
        }
        let truth = Set(names).sorted().enumerated().map { place, name in
            DroppedPlace(
                branch: Int64(place % 2), name: name, position: Int64.random(in: 1...1000, using: &random))
        }
        var places = DroppedPlaces(truth, horizon: 0)
        places.reduce(to: Int.random(in: 1...20, using: &random))
        for one in truth {
            let covering = Set(DroppedPlaces.prefixes(of: one.name) + [one.name])
            let told = places.rows.filter { $0.branch == one.branch && covering.contains($0.name) }.map(\.position)
            #expect(max(places.horizon, told.max() ?? 0) >= one.position, "\(one)")
        }
    }
}
