import MembusChecker
import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSearch

// What the index of a broker's store is asked, and what it answers.

struct SearchQuestion {
    var terms: [SearchedTerm]
    /// Hits are of these.
    var filter = TopicFilter.everything
    var vector: QuestionVector?
}

extension World {
    /// Of any branch, mostly of one of the newest states.
    func ask(_ searcher: Searcher, _ broker: BrokerProcess) throws {
        let visible = broker.core.visible.revision
        let branch = searching.dice.chance(50) ? .main : searching.dice.pick(branches + briefs)
        var revision: Revision?
        if searching.dice.chance(60) { revision = max(0, visible - Int64(searching.dice.below(8))) }
        try ask(question(), of: branch, at: revision, searcher, broker)
    }

    func question() -> SearchQuestion {
        var question = SearchQuestion(terms: [])
        if profile.sendsVectors, searching.dice.chance(50) { question.vector = Self.questionVector(&searching.dice) }
        if question.vector == nil || searching.dice.chance(50) { question.terms = terms() }
        if searching.dice.chance(20) {
            question.filter = TopicFilter(searching.dice.pick(Profile.topics).map { Topic(unchecked: $0) })
        }
        return question
    }

    /// Of what is written here, no two words of which have the same stem.
    private func terms() -> [SearchedTerm] {
        // The first of them is looked for only where nothing else is.
        if searching.dice.chance(15) { return [.word(searching.dice.pick(["a", "b", "c", "n", "op"]))] }
        return (0..<searching.dice.within(1...2)).map { _ in
            switch searching.dice.below(10) {
            case 0, 1: phrase()
            case 2: .prefix(searching.dice.pick(["o", "op", String(number().prefix(1)), number()]))
            case 3, 4: field()
            default: .word(searching.dice.chance(80) ? number() : searching.dice.pick(["b", "c", "op"]))
            }
        }
    }

    private func number() -> String { "\(max(0, lastOp - searching.dice.below(12)))" }

    /// As some values have it, or nearly.
    private func phrase() -> SearchedTerm {
        let letter = searching.dice.pick(["a", "b", "c"])
        return .phrase(
            searching.dice.pick([
                ["op", number()], [number(), letter], [letter, searching.dice.pick(["0", "1"])],
                ["op", number(), letter], [number(), "op"],
            ]))
    }

    private func field() -> SearchedTerm {
        let (name, words) = searching.dice.pick([
            ("key", ["a", "b", "c", "0", "1"]), ("author", ["agent", "0", "1"]), ("kind", ["text", "json", "counter"]),
            ("message", [number(), "op"]), ("x", [number(), "op"]), ("z", [number(), "op"]),
        ])
        return .field(name, searching.dice.pick(words))
    }

    func ask(
        _ question: SearchQuestion, of branch: BranchName, at revision: Revision?, _ searcher: Searcher,
        _ broker: BrokerProcess
    ) throws {
        let room = searcher.room
        searcher.visible.rise(to: broker.core.visible.revision)
        // Below the floor, not yet made, or deleted.
        guard
            let layers = try? broker.reader.layers(
                of: branch, at: revision, newest: room.index?.indexed.revision ?? 0,
                visible: broker.core.visible.revision)
        else { return coverage.count(.searchRefused) }
        let searched: Searched?
        if let index = room.index, isAskedAnyway(index, for: max(layers.created, revision ?? layers.floor)) {
            searched = try? answer(question, of: branch, at: revision, by: index, in: layers, broker)
        } else {
            searched = try answered(question, of: branch, at: revision, by: searcher, broker)
        }
        guard let searched else { return coverage.count(.searchWaited) }
        count(question, ofThePast: revision != nil, isRefused: searched.page == nil)
        note(.searched(searched))
    }

    /// - Returns: `nil`: the index is not far enough, or was thrown away: what was looked at is damaged.
    private func answered(
        _ question: SearchQuestion, of branch: BranchName, at revision: Revision?, by searcher: Searcher,
        _ broker: BrokerProcess
    ) throws -> Searched? {
        let hadIndex = searcher.room.index != nil
        let asked = AskedOfRoom(question: question, branch: branch, revision: revision, broker: broker)
        do { return try asked.answer(by: searcher.room, in: self) } catch let refusal as Refusal
            where refusal.subject == "index"
        {
            if hadIndex { settleFault(of: searcher) }
            return nil
        }
    }

    fileprivate func answer(
        _ question: SearchQuestion, of branch: BranchName, at revision: Revision?, by index: SearchIndex,
        in layers: LayeredState, _ broker: BrokerProcess
    ) throws -> Searched {
        var altered = layers
        let asked = try self.altered(question, &altered, index, broker)
        let search = Search(
            branch: branch, at: revision, question: asked.terms.map(\.text).joined(separator: " "),
            filter: asked.filter, limit: 1000, meaning: .never, vector: asked.vector)
        let page = try self.altered(
            try answer(search, by: index, in: altered, broker, broker.core.visible.revision), to: question, search,
            index,
            broker)
        return Searched(
            lineage: broker.lineage, branch: branch, at: page?.at ?? layers.at, terms: question.terms,
            filter: question.filter, vector: question.vector, page: page)
    }

    /// - Returns: `nil`: vectors of the space have other dimensions.
    func answer(
        _ search: Search, by index: SearchIndex, in layers: LayeredState, _ broker: BrokerProcess, _ visible: Revision
    ) throws -> SearchPage? {
        do { return try index.search(search, in: layers, reader: broker.reader, visible: visible) } catch {
            guard let refusal = error as? Refusal, refusal.code == .invalidArgument, refusal.subject == "vector" else {
                throw error
            }
            return nil
        }
    }

    private func count(_ question: SearchQuestion, ofThePast: Bool, isRefused: Bool) {
        coverage.count(ofThePast ? .searchedOfThePast : .searched)
        if question.filter != .everything { coverage.count(.searchedWithin) }
        for term in question.terms {
            switch term {
            case .word: break
            case .phrase: coverage.count(.searchedByPhrase)
            case .prefix: coverage.count(.searchedByPrefix)
            case .field: coverage.count(.searchedByField)
            }
        }
        if question.vector == nil { return }
        coverage.count(question.terms.isEmpty ? .searchedByVector : .searchedByBoth)
        if isRefused { coverage.count(.searchOfOtherDimensions) }
    }
}

private struct AskedOfRoom {
    let question: SearchQuestion
    let branch: BranchName
    let revision: Revision?
    let broker: BrokerProcess

    func answer(by room: SearchRoom, in world: World) throws -> Searched? {
        try room.answer(of: branch, at: revision, atLeast: 0, now: world.now) { index, layers, _, _ in
            try world.answer(question, of: branch, at: revision, by: index, in: layers, broker)
        }
    }
}
