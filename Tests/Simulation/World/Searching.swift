import Foundation
import MembusChecker
import MembusDice
import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSearch

// An index of each broker's store, as the thread that searches keeps it:
//
//   opened ─▶ follows what is visible ─▶ is asked, now and then ─▶ …
//     │ of another history ─▶ begun anew
//     └ another is made beside it ─▶ takes its place once it is as far
//
// It dies with its process, and what it had not written with it; its file is there when the next one starts, or is lost. So it
// meets kills, compaction, restored backups and copies put back as files. All of it draws from dice of its own, and changes nothing.

struct Searching {
    var dice: Dice
    let isOn: Bool
    /// Between two turns.
    let period: Duration
    /// In each turn, at most: compaction may overtake it.
    fileprivate let pieces: Int
    /// In percent of the turns.
    fileprivate let isAsked: Int
    fileprivate let isMadeAnew: Int
    /// In percent of the processes.
    fileprivate let isLost: Int
    fileprivate let directory = Disk.newPath()
    fileprivate var hasDirectory = false
    /// The store was, since the index was seen to be of it.
    var isReplaced = false

    init(_ dice: Dice, _ profile: Profile) {
        var dice = dice
        isOn = profile.searches
        let pause: Duration = dice.pick([.milliseconds(50), .milliseconds(250), .milliseconds(1500)])
        period = profile.indexLags ? .milliseconds(400) : pause
        pieces = dice.pick([1, 2, 10])
        isAsked = dice.pick([15, 30])
        isMadeAnew = dice.pick([0, 0, 5])
        isLost = dice.pick([0, 0, 50])
        self.dice = dice
    }

    fileprivate var path: String { directory + "/search.db" }

    fileprivate mutating func makeDirectory() throws {
        if !hasDirectory {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        hasDirectory = true
    }

    func remove() { if hasDirectory { try? FileManager.default.removeItem(atPath: directory) } }
}

/// What one process has of it.
final class Searcher {
    let splitter: WordSplitter
    let spaces: SpaceFiles
    var index: SearchIndex?
    fileprivate var making: SearchIndex?

    fileprivate init(in directory: String) throws {
        splitter = try WordSplitter()
        spaces = SpaceFiles(in: directory)
    }
}

extension BrokerProcess {
    /// The searching thread's turn.
    func search() {
        do { try world.search(by: self) } catch { world.settle(error) }
        after(world.searching.period) { $0.search() }
    }
}

extension World {
    fileprivate func search(by broker: BrokerProcess) throws {
        guard let searcher = try searcher(of: broker) else { return }
        // Who asks may be first: then the index lags.
        if searching.dice.chance(searching.isAsked) { try ask(searcher, broker) }
        for _ in 0..<searching.pieces where try follow(by: searcher, broker) {
            if searching.dice.chance(50) { try ask(searcher, broker) }
        }
        if searching.dice.chance(searching.isAsked) { try ask(searcher, broker) }
        if searching.dice.chance(searching.isMadeAnew) { try beginAnother(searcher, broker) }
    }

    /// A disk that has failed ends the process at its next write.
    fileprivate func settle(_ error: any Error) {
        if disk.faults != nil, (error as? Refusal)?.code == .storeFailed || error is StoreError { return }
        note(.broken(.retrieval, "the index does not go on: \(error)"))
    }

    // MARK: Following

    private func searcher(of broker: BrokerProcess) throws -> Searcher? {
        if let searcher = broker.searcher, searcher.index != nil { return searcher }
        try searching.makeDirectory()
        let searcher = try broker.searcher ?? Searcher(in: searching.directory)
        let isFirst = broker.searcher == nil
        broker.searcher = searcher
        if isFirst, searching.dice.chance(searching.isLost) { SearchIndex.remove(searching.path) }
        guard try alterFile(searching.path, for: broker, searcher) else { return nil }
        do { try open(searcher, broker) } catch let fault as SearchFault { try beginAnew(searcher, broker, fault) }
        // Only then it is known to be of this history.
        _ = try follow(by: searcher, broker)
        return searcher
    }

    private func open(_ searcher: Searcher, _ broker: BrokerProcess) throws {
        let index = try SearchIndex(
            at: searching.path, lineage: broker.lineage, searcher.splitter, searcher.spaces)
        if index.indexed != .origin { coverage.count(.indexOpened) }
        searcher.index = index
    }

    /// Where an old copy of the store was put beside it, as it is to be.
    private func beginAnew(_ searcher: Searcher, _ broker: BrokerProcess, _ fault: any Error) throws {
        guard searching.isReplaced else { throw fault }
        searching.isReplaced = false
        coverage.count(.indexedAnewInAnotherHistory)
        (searcher.index, searcher.making) = (nil, nil)
        SearchIndex.remove(searching.path)
        try open(searcher, broker)
    }

    /// - Returns: whether there is more.
    private func follow(by searcher: Searcher, _ broker: BrokerProcess) throws -> Bool {
        let visible = broker.core.visible.revision
        let isIdle = searching.dice.chance(50)
        var hasMore = false
        do {
            hasMore = try searcher.index?.step(from: broker.reader, upTo: visible, isIdle: isIdle) ?? false
            searching.isReplaced = false
        } catch let fault as SearchFault {
            try beginAnew(searcher, broker, fault)
            return true
        }
        if searcher.index?.isWhole == false { coverage.count(.indexHadGaps) }
        if searcher.making != nil { hasMore = try goOnMaking(searcher, broker, upTo: visible) || hasMore }
        return hasMore
    }

    // MARK: Another in its place

    private func beginAnother(_ searcher: Searcher, _ broker: BrokerProcess) throws {
        searcher.making = nil
        SearchIndex.remove(searching.path + ".new")
        searcher.making = try SearchIndex(
            at: searching.path + ".new", lineage: broker.lineage, searcher.splitter, searcher.spaces)
    }

    private func goOnMaking(_ searcher: Searcher, _ broker: BrokerProcess, upTo visible: Revision) throws -> Bool {
        guard let making = searcher.making else { return false }
        let hasMore = try making.step(from: broker.reader, upTo: visible, isIdle: false)
        guard !hasMore, making.indexed.revision >= visible, making.isWhole else { return true }
        (searcher.making, searcher.index) = (nil, nil)
        try making.flushAll()
        searcher.index = try making.moved(to: searching.path)
        coverage.count(.indexReplaced)
        return false
    }

    /// At the end: it is at the head, and finds what is there.
    func restSearching(_ broker: BrokerProcess) throws {
        guard searching.isOn else { return }
        guard let searcher = try searcher(of: broker) else { return }
        while try follow(by: searcher, broker) {}
        let head = broker.core.visible.revision
        if let index = searcher.index, index.indexed.revision != head || !index.isWhole {
            note(.broken(.retrieval, "the index is at \(index.indexed), not whole at the head, \(head)"))
        }
        for branch in [.main] + branches.suffix(2) {
            try ask(SearchQuestion(terms: [.word("op")]), of: branch, at: nil, searcher, broker)
            try ask(question(), of: branch, at: nil, searcher, broker)
        }
    }
}
