import MembusChecker
import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSearch

// Mutants of whoever keeps the index, and asks it.

extension World {
    /// Whether the index is asked, though the room would not have it.
    func isAskedAnyway(_ index: SearchIndex, for needed: Revision) -> Bool {
        switch mutant {
        case .searchedTooEarly: index.isWhole
        case .searchedWithGaps: index.indexed.revision >= needed
        default: false
        }
    }

    /// What is asked, and of what the state is made.
    func altered(
        _ question: SearchQuestion, _ layers: inout LayeredState, _ index: SearchIndex, _ broker: BrokerProcess
    ) throws -> SearchQuestion {
        var question = question
        switch mutant {
        case .searchedBeforeLast: layers.levels[0].upTo = max(0, layers.levels[0].upTo - 1)
        case .searchedPastTheFork: for level in layers.levels.indices { layers.levels[level].upTo = layers.at.revision }
        case .hiddenVectorsCompared where question.vector != nil:
            layers.levels[0].upTo = max(0, layers.levels[0].upTo - 1)
        case .otherSpaceCompared:
            question.vector = question.vector.map { QuestionVector($0.values, in: $0.space == "m" ? "n" : "m") }
        case .settingsOfHead: try readSettingsOfHead(for: layers, index, broker)
        case .phraseWithoutOrder: question.terms += question.terms.compactMap(\.reversed)
        case .fieldUnheeded: question.terms = question.terms.map(\.ofAnyField)
        case .scopeUnheeded: question.filter = .everything
        default: break
        }
        return question
    }

    /// As an index does that knows one way to search of each branch.
    private func readSettingsOfHead(for layers: LayeredState, _ index: SearchIndex, _ broker: BrokerProcess) throws {
        let visible = broker.core.visible.revision
        let head = LayeredState.levelsOfHead(layers, upTo: index.indexed.revision)
        let settings = try broker.reader.searchSettings(in: head, visible: visible)
        let state = index.states.state(layers.levels, isHead: layers.isHead, index.columns)
        state.searched =
            settings.isEmpty ? .itself : .other(VisibleState(layers.levels, index.columns, SearchRules(settings)))
    }

    /// What is told of a page.
    func altered(
        _ page: SearchPage?, to question: SearchQuestion, _ search: Search, _ index: SearchIndex,
        _ broker: BrokerProcess
    ) throws -> SearchPage? {
        guard mutant == .prefixOfHead, question.terms.contains(where: \.isPrefix), var page,
            let head = try? broker.reader.layers(
                of: search.branch, at: nil, newest: index.indexed.revision, visible: broker.core.visible.revision)
        else { return page }
        let other = try answer(search, by: index, in: head, broker, broker.core.visible.revision)
        let all = page.hits.count
        page.hits.removeAll { hit in other.map { !$0.hits.map(\.key).contains(hit.key) } ?? false }
        page.found -= all - page.hits.count
        return page
    }

    /// The file that a process finds.
    /// - Returns: false: it is not to be opened yet.
    func alterFile(_ path: String, for broker: BrokerProcess) throws -> Bool {
        switch mutant {
        case .indexSkipsAfterKill, .indexOfReplacedHistory: return try alterPlace(path, for: broker)
        case .staleVectorsCompared, .vectorsLostBelowTheFloor: try alterSent(path, for: broker)
        case .damageTrusted: try mixUpSent(IndexFile(path))
        case .vectorsLostOnRestart:
            try IndexFile(path).db.run("DELETE FROM sent WHERE version * 2 > (SELECT max(version) FROM sent)")
        default: break
        }
        return true
    }

    private func alterPlace(_ path: String, for broker: BrokerProcess) throws -> Bool {
        let file = try IndexFile(path)
        let (visible, own) = (broker.core.visible, Int64(bitPattern: broker.lineage.id))
        let known = try file.meta("lineage")
        switch mutant {
        // Where the store is, instead of where it was.
        case .indexSkipsAfterKill where known == own:
            if try file.position.revision < visible.revision { try file.set(visible) }
        case .indexOfReplacedHistory where known != nil:
            let reached = try file.position.revision
            guard reached <= visible.revision else { return false }
            if let here = try broker.reader.position(of: reached, visible: visible.revision) { try file.set(here) }
            try file.set("lineage", own)
        default: break
        }
        return true
    }

    /// A row with the vectors of another, and a sum that fits.
    private func mixUpSent(_ file: IndexFile) throws {
        var all: [SentVectors.Sent] = []
        try file.readSent { all.append($0) }
        guard let one = all.last, let other = all.last(where: { $0.space == one.space && $0.contents != one.contents })
        else { return }
        for (sent, contents) in [(one, other.contents), (other, one.contents)] {
            try file.db.run(
                "DELETE FROM sent WHERE version = ? AND space = ?", [Int64(sent.version), sent.space.name.text])
            var sent = sent
            sent.contents = contents
            try file.insert(sent)
        }
    }

    /// Which versions have which vectors, by the file.
    private func alterSent(_ path: String, for broker: BrokerProcess) throws {
        // Of another history there is nothing to be altered.
        guard let index = try? SearchIndex(at: path, lineage: broker.lineage, WordSplitter()) else { return }
        let (columns, file) = (index.columns, try IndexFile(path))
        if mutant == .vectorsLostBelowTheFloor {
            let below = LogCursor.end(of: broker.floor).position
            for (version, place) in columns.places.enumerated() where place <= below {
                try file.db.run("DELETE FROM sent WHERE version = ?", [version])
            }
            return
        }
        // Vectors stay with their key, whatever has become of its value.
        var newest: [UInt32: SentVectors.Sent] = [:]
        var (all, own): ([SentVectors.Sent], Set<UInt32>) = ([], [])
        try file.readSent {
            all.append($0)
            own.insert($0.version)
        }
        var rest = all[...]
        for version in 0..<UInt32(columns.versionCount) {
            let key = columns.keyOf[Int(version)]
            while let sent = rest.first, sent.version == version {
                newest[key] = sent
                rest.removeFirst()
            }
            guard !own.contains(version), var sent = newest[key] else { continue }
            sent.version = version
            try file.insert(sent)
        }
    }
}

extension LayeredState {
    /// Of its own branch, as far as it goes; what is inherited stays.
    fileprivate static func levelsOfHead(_ layers: LayeredState, upTo newest: Revision) -> [Level] {
        var levels = layers.levels
        levels[0].upTo = newest
        return levels
    }
}

extension SearchedTerm {
    fileprivate var reversed: SearchedTerm? {
        if case .phrase(let words) = self { .phrase(words.reversed()) } else { nil }
    }
    fileprivate var ofAnyField: SearchedTerm { if case .field(_, let word) = self { .word(word) } else { self } }
    fileprivate var isPrefix: Bool { if case .prefix = self { true } else { false } }
}
