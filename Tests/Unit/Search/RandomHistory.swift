import Foundation
import MembusDice
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

/// A store that is written to at random: edits, deletions, expiry, branches of branches, merges, compaction.
final class RandomHistory {
    let world: SearchedStore
    var dice: Dice
    private(set) var branches: [(name: BranchName, depth: Int)] = [(.main, 0)]
    private(set) var floor: Revision = 0
    private var oracles: [String: RankingOracle] = [:]
    private var fresh = 0

    init(seed: UInt64) throws {
        world = try SearchedStore()
        dice = Dice(seed: seed)
    }

    private static let keys =
        (1...9).map { "talk/s1/D1:\($0)" } + [
            "talk/s1/D1:01", "talk/s1/D1:04", "talk/s2/D1:1", "talk/s2/D1:3", "notes/trains", "notes/b",
            "src/main.swift",
            "facts/paris", "facts/rome", "count/tickets", ".membus/hidden", "n12", "n13", "99",
        ]
    static let words = [
        "train", "trains", "ticket", "night", "the", "boat", "Paris", "river", "running", "ran", "parseHTTPRequest",
        "snake_case", "src/main.swift", "café", "of", "who",
    ]

    // MARK: Writing

    func move() throws {
        let branch = dice.pick(branches)
        switch dice.below(100) {
        case 0..<8 where branches.count < 7 && branch.depth < 4:
            let newest = world.head
            let created = try world.reader.branches(visible: newest).first { $0.name == branch.name }?.created ?? 0
            let at = dice.chance(50) ? nil : Revision(dice.within(Int(max(floor, created))...Int(newest)))
            branches.append((try world.fork("b\(branches.count)", from: branch.name, at: at), branch.depth + 1))
        case 8..<11:
            world.now = Timestamp(milliseconds: world.now.milliseconds + 2000)
            try world.expire()
        case 11..<14:
            // Mostly what compaction takes away was indexed before.
            if dice.chance(50) { try world.follow() }
            floor = max(floor, Revision(dice.within(0...Int(world.head))))
            try world.compact(to: floor)
        default:
            try world.commit(edits(), on: branch.name, by: dice.below(2))
        }
    }

    private func edits() -> [Change] {
        dice.some(Self.keys, most: 4).sorted().map { key in
            let key = Key(unchecked: key)
            if dice.chance(25) { return Change(key, .delete) }
            return Change(key, .put(value(of: key.text)))
        }
    }

    private func value(of key: String) -> Put {
        var put = Put(Data(prose(dice.weighted([(4, 10), (12, 10), (70, 3), (600, 3), (0, 1)])).utf8))
        if key.hasPrefix("facts/") {
            put.kind = .json
            let long = prose(dice.weighted([(0, 6), (400, 1)]))
            put.value = Data(
                #"{"title": "\#(prose(3))", "tags": ["\#(prose(2))", "\#(prose(1))"], "n": 4, "log": "\#(long)"}"#.utf8)
        }
        if key.hasPrefix("count/") {
            put.kind = .counter
            put.value = Data("\(dice.below(100))".utf8)
        }
        if dice.chance(30) { put.attributes["topic"] = dice.pick(Self.words) }
        if dice.chance(20) { put.links = [Link(relation: "of", target: Key(unchecked: dice.pick(Self.keys)))] }
        if dice.chance(10) { put.expiry = .after(.seconds(3)) }
        return put
    }

    /// Now and then a word that nobody wrote before, so that a flush takes several steps.
    private func prose(_ count: Int) -> String {
        (0..<count).map { _ in
            fresh += 1
            let word = dice.chance(60) ? dice.pick(Self.words) : "w\(fresh)"
            return word + dice.weighted([("", 10), (".", 2), (",", 1)])
        }.joined(separator: " ")
    }

    // MARK: Asking

    func question() -> String {
        (0..<dice.within(1...4)).map { _ in
            dice.weighted([
                (dice.pick(Self.words), 12), ("\"\(dice.pick(Self.words)) \(dice.pick(Self.words))\"", 3),
                (dice.pick(["tra", "w1", "r", "par"]) + "*", 3),
                (
                    dice.pick([
                        "author:ada", "key:talk", "kind:json", "topic:night", "message:noted", "title:train",
                        "tags:boat", "log:who",
                    ]), 2
                ),
                (dice.pick(["hopper", "d1", "notes", "json"]), 2),
            ])
        }.joined(separator: " ")
    }

    /// Any state that the index knows.
    func state(of index: SearchIndex) throws -> (BranchName, Revision)? {
        let branch = dice.pick(branches).name
        let created = try world.reader.branches(visible: world.head).first { $0.name == branch }?.created ?? 0
        let (first, last) = (max(created, floor), index.indexed.revision)
        return first <= last ? (branch, Revision(dice.within(Int(first)...Int(last)))) : nil
    }

    func oracle(_ branch: BranchName, at revision: Revision) throws -> RankingOracle {
        let name = "\(branch) \(revision)"
        if let known = oracles[name] { return known }
        let oracle = RankingOracle(try world.records(branch, at: revision), world.splitter)
        oracles[name] = oracle
        return oracle
    }

    /// A question at any state has the oracle's answer.
    /// - Parameter isToBeRight: else it only has to be one.
    func ask(_ index: SearchIndex, isToBeRight: Bool = true, _ place: SourceLocation = #_sourceLocation) throws {
        guard index.isWhole, let (branch, revision) = try state(of: index) else { return }
        let isHead = dice.chance(40)
        let filter = dice.weighted([
            (TopicFilter.everything, 3), (TopicFilter([try Topic("talk/s1/"), try Topic("notes/b")]), 1),
            (TopicFilter([try Topic("talk/")]), 1),
        ])
        var search = Search(branch: branch, at: isHead ? nil : revision, question: question(), filter: filter)
        search.limit = dice.pick([3, 1000])
        search.explains = dice.chance(30)
        search.withPassages = dice.chance(30)
        let layers = try world.layers(branch, at: search.at, of: index)
        // A branch that is newer than what is known waits, in a broker.
        guard layers.at.revision <= index.indexed.revision, layers.at.revision >= floor else { return }
        let page = try world.search(search, by: index)
        if !isToBeRight { return }
        let oracle = try oracle(branch, at: layers.at.revision)
        let due = oracle.rank(try Question(search.question, world.splitter), in: filter)
        expect(page, due, oracle.passages, search, "\(search.question) on \(branch) at \(layers.at.revision)", place)
    }

    private func expect(
        _ page: SearchPage, _ due: [RankingOracle.Hit], _ passages: Int, _ search: Search, _ name: String,
        _ place: SourceLocation
    ) {
        #expect(page.passages == passages, "passages: \(name)", sourceLocation: place)
        #expect(page.found == due.count, "found: \(name)", sourceLocation: place)
        #expect(page.hits.count == min(due.count, search.limit), "hits: \(name)", sourceLocation: place)
        let known = Dictionary(uniqueKeysWithValues: due.map { ($0.key, $0) })
        var last = (score: 2.0, key: "")
        for (hit, expected) in zip(page.hits, due) {
            #expect(abs(hit.score - expected.score) < 1.01e-4, "\(hit.key) \(name)", sourceLocation: place)
            guard let own = known[hit.key.text] else {
                Issue.record("\(hit.key) is no hit: \(name)", sourceLocation: place)
                continue
            }
            #expect(abs(hit.score - own.score) < 1.01e-4, "\(hit.key) \(name)", sourceLocation: place)
            #expect(abs(hit.words - own.words) < 1e-4 * max(1, own.words), "\(hit.key) \(name)", sourceLocation: place)
            if let passage = hit.passage { #expect(passage.number < passage.count, sourceLocation: place) }
            if search.explains {
                #expect(abs(hit.shares.reduce(0, +) - hit.words) < 1e-3, "\(name)", sourceLocation: place)
            }
            #expect((hit.score, last.key) < (last.score, hit.key.text), "order: \(name)", sourceLocation: place)
            last = (hit.score, hit.key.text)
        }
    }
}
