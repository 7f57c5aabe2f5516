import MembusChecker
import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSearch

// What the index of a broker's store is asked, and what it answers.

struct SearchQuestion {
    var words: [String]
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
        guard profile.sendsVectors, searching.dice.chance(50) else { return SearchQuestion(words: words()) }
        let words = searching.dice.chance(50) ? words() : []
        return SearchQuestion(words: words, vector: Self.questionVector(&searching.dice))
    }

    /// Of what is written here, no two of which have the same stem.
    private func words() -> [String] {
        if searching.dice.chance(20) { return [searching.dice.pick(["a", "b", "c", "n", "op"])] }
        return (0..<searching.dice.within(1...2)).map { _ in
            searching.dice.chance(80)
                ? "\(max(0, lastOp - searching.dice.below(12)))" : searching.dice.pick(["b", "c", "op"])
        }
    }

    func ask(
        _ question: SearchQuestion, of branch: BranchName, at revision: Revision?, _ searcher: Searcher,
        _ broker: BrokerProcess
    ) throws {
        guard let index = searcher.index else { return }
        let visible = broker.core.visible.revision
        // Below the floor, not yet made, or deleted.
        guard
            var layers = try? broker.reader.layers(
                of: branch, at: revision, newest: index.indexed.revision, visible: visible)
        else { return coverage.count(.searchRefused) }
        guard isReady(index, for: max(layers.created, revision ?? layers.floor)) else {
            return coverage.count(.searchWaited)
        }
        let at = layers.at
        let asked = altered(question, &layers)
        let search = Search(
            branch: branch, at: revision, question: asked.words.joined(separator: " "), limit: 1000, meaning: .never,
            vector: asked.vector)
        let page = try answer(search, by: index, in: layers, broker, visible)
        count(question, ofThePast: revision != nil, isRefused: page == nil)
        note(
            .searched(
                Searched(
                    lineage: broker.lineage, branch: branch, at: page?.at ?? at, words: question.words,
                    vector: question.vector, page: page)))
    }

    /// - Returns: `nil`: vectors of the space have other dimensions.
    private func answer(
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
        if question.vector == nil { return }
        coverage.count(question.words.isEmpty ? .searchedByVector : .searchedByBoth)
        if isRefused { coverage.count(.searchOfOtherDimensions) }
    }
}
