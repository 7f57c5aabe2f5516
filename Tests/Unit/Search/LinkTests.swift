import MembusDice
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

@Suite("Links of a state")
struct LinkTests {
    /// a ─of─▶ b ─of─▶ c ─by─▶ d, and e ─by─▶ b; d links to what is not there.
    private func world() throws -> SearchedStore {
        let world = try SearchedStore()
        try world.put("a", "1", links: [("of", "b")])
        try world.put("b", "2", links: [("of", "c")])
        try world.put("c", "3", links: [("by", "d")])
        try world.put("d", "4", links: [("of", "nowhere")])
        try world.put("e", "5", links: [("by", "b")])
        try world.follow()
        return world
    }

    private func keys(_ names: String...) -> [Key] { names.map { Key(unchecked: $0) } }
    private func edges(_ graph: LinkGraph) -> Set<String> {
        Set(graph.edges.map { "\($0.source) \($0.relation) \($0.target)" })
    }
    private func nodes(_ graph: LinkGraph) -> [String] { graph.nodes.map { "\($0.key) \($0.depth)" } }

    @Test("they are followed out, in, or both ways, as deep as asked for")
    func directions() throws {
        let world = try world()
        func around(_ direction: LinkDirection, _ depth: Int) throws -> [String] {
            nodes(try world.links(GetLinks(keys: keys("b"), direction: direction, depth: depth)))
        }
        #expect(try around(.out, 1) == ["b 0", "c 1"])
        #expect(try around(.out, 2) == ["b 0", "c 1", "d 2"])
        #expect(try around(.in, 2) == ["b 0", "a 1", "e 1"])
        #expect(try around(.both, 1) == ["b 0", "a 1", "c 1", "e 1"])
        let graph = try world.links(GetLinks(keys: keys("b"), direction: .both, depth: 9))
        #expect(edges(graph) == ["a of b", "b of c", "c by d", "d of nowhere", "e by b"])
        #expect(graph.edges.first { $0.source.text == "c" }?.revision == 3 && !graph.isCut)
    }

    @Test("relations that are not asked for are not followed")
    func relations() throws {
        let world = try world()
        let graph = try world.links(GetLinks(keys: keys("b"), direction: .both, relations: ["of"], depth: 9))
        #expect(nodes(graph) == ["b 0", "a 1", "c 1"] && edges(graph) == ["a of b", "b of c"])
    }

    @Test("what dangles is shown without a revision, a start that is not there too")
    func dangling() throws {
        let world = try world()
        let graph = try world.links(GetLinks(keys: keys("d", "missing"), direction: .out, depth: 2))
        #expect(graph.nodes.map(\.key.text) == ["d", "missing", "nowhere"])
        #expect(graph.nodes.map(\.revision) == [4, nil, nil] && graph.nodes.map(\.kind) == [.text, nil, nil])
        let inwards = try world.links(GetLinks(keys: keys("nowhere"), direction: .in))
        #expect(nodes(inwards) == ["nowhere 0", "d 1"])
    }

    @Test("beyond the limit of edges it is cut, and says so; at the limit it is whole")
    func limit() throws {
        let world = try world()
        let cut = try world.links(GetLinks(keys: keys("b"), direction: .both, depth: 9, limit: 4))
        #expect(cut.edges.count == 4 && cut.isCut)
        let whole = try world.links(GetLinks(keys: keys("b"), direction: .both, depth: 9, limit: 5))
        #expect(whole.edges.count == 5 && !whole.isCut)
    }

    @Test("of a path only what lies on a shortest one is kept")
    func paths() throws {
        let world = try world()
        try world.put("a2", "6", links: [("of", "b"), ("of", "x")])
        try world.put("a", "7", links: [("of", "b"), ("of", "a2")])
        try world.follow()
        let graph = try world.links(GetLinks(keys: keys("a"), direction: .out, depth: 9, to: Key(unchecked: "d")))
        #expect(nodes(graph) == ["a 0", "b 1", "c 2", "d 3"] && edges(graph) == ["a of b", "b of c", "c by d"])
        let none = try world.links(GetLinks(keys: keys("d"), direction: .out, depth: 9, to: Key(unchecked: "a")))
        #expect(none.nodes.isEmpty && none.edges.isEmpty)
    }

    @Test("links are those of the state: what was put or deleted since is not followed")
    func states() throws {
        let world = try world()
        try world.put("e", "8")
        try world.delete("a")
        try world.follow()
        #expect(try nodes(world.links(GetLinks(keys: keys("b"), direction: .in))) == ["b 0"])
        #expect(try nodes(world.links(GetLinks(at: 6, keys: keys("b"), direction: .in))) == ["b 0", "a 1"])
        #expect(try nodes(world.links(GetLinks(at: 5, keys: keys("b"), direction: .in))) == ["b 0", "a 1", "e 1"])
        // A deletion takes its record's links along; what it was the target of dangles.
        #expect(try nodes(world.links(GetLinks(keys: keys("a"), direction: .both))) == ["a 0"])
    }

    @Test("random graphs are walked as a plain search over their edges walks them", arguments: 0..<6 as Range<UInt64>)
    func random(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        let world = try SearchedStore()
        var links: [String: [(String, String)]] = [:]
        for _ in 0..<60 {
            let key = "k\(dice.below(25))"
            if dice.chance(20), links.removeValue(forKey: key) != nil {
                try world.delete(key)
            } else {
                var own: [(String, String)] = []
                for _ in 0..<dice.below(4) {
                    let link = (dice.pick(["of", "by"]), "k\(dice.below(30))")
                    if !own.contains(where: { $0 == link }) { own.append(link) }
                }
                try world.put(key, "v", links: own)
                links[key] = own
            }
            try world.follow(andWrite: dice.chance(20))
        }
        for _ in 0..<30 {
            let (direction, depth) = (dice.pick(LinkDirection.allCases), dice.within(1...5))
            let (start, relations) = ("k\(dice.below(30))", dice.chance(40) ? ["of"] : [])
            let graph = try world.links(
                GetLinks(keys: keys(start), direction: direction, relations: relations, depth: depth))
            var (depths, due): ([String: Int], Set<String>) = ([start: 0], [])
            for step in 1...depth {
                let level = Set(depths.filter { $0.value == step - 1 }.keys)
                for (source, own) in links {
                    for (relation, target) in own where relations.isEmpty || relations.contains(relation) {
                        let isFollowed =
                            direction != .in && level.contains(source) || direction != .out && level.contains(target)
                        guard isFollowed else { continue }
                        due.insert("\(source) \(relation) \(target)")
                        for key in [source, target] where depths[key] == nil { depths[key] = step }
                    }
                }
            }
            #expect(edges(graph) == due && graph.edges.count == due.count)
            #expect(Dictionary(uniqueKeysWithValues: graph.nodes.map { ($0.key.text, $0.depth) }) == depths)
            for node in graph.nodes { #expect((node.revision == nil) == (links[node.key.text] == nil)) }
        }
    }
}
