import Foundation
import MembusChecker
import MembusDice
import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSearch

// An index of each broker's store, kept by the product's own room, as the thread that searches has it kept:
//
//   opened ─▶ follows what is visible ─▶ is asked, now and then ─▶ …
//     │ of another history, or damaged ─▶ begun anew
//     └ another is made beside it ─▶ takes its place once it is as far
//
// It dies with its process, and what it had not written with it; its files are there when the next one starts, or are lost or damaged
// (SearchFaults). So it meets kills, compaction, restored backups and copies put back as files. All of it draws from dice of its own, and
// changes nothing.

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
    /// In percent of the processes: what it finds is lost or damaged.
    let isSpoiled: Int
    let directory = Disk.newPath()
    private var hasDirectory = false
    /// The process that was last to find files.
    fileprivate var finder = 0
    /// The store was, since the index was seen to be of it.
    var isReplaced = false
    /// So are its files, since it was last begun anew.
    var isDamaged = false

    init(_ dice: Dice, _ profile: Profile) {
        var dice = dice
        isOn = profile.searches
        let pause: Duration = dice.pick([.milliseconds(50), .milliseconds(250), .milliseconds(1500)])
        period = profile.indexLags ? .milliseconds(800) : pause
        pieces = dice.pick([1, 2, 10])
        let share = dice.pick([15, 30])
        isAsked = profile.indexLags ? 100 : share
        isMadeAnew = dice.pick([0, 0, 5])
        isSpoiled = dice.pick([0, 30, 70])
        self.dice = dice
    }

    var path: String { directory + "/search.db" }

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
    let room: SearchRoom
    let visible: VisibleRevision

    fileprivate init(_ broker: BrokerProcess, in directory: String) {
        visible = VisibleRevision(broker.core.visible.revision)
        room = SearchRoom(
            in: directory, lineage: broker.lineage, broker.reader, visible: visible, EmbeddingDesk(nil, wake: {}))
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
        for _ in 0..<searching.pieces where follow(by: searcher, broker) {
            if searching.dice.chance(50) { try ask(searcher, broker) }
        }
        if searching.dice.chance(searching.isAsked) { try ask(searcher, broker) }
        if searching.dice.chance(searching.isMadeAnew), searcher.room.index != nil { _ = try searcher.room.reindex() }
    }

    /// A disk that has failed ends the process at its next write.
    fileprivate func settle(_ error: any Error) {
        if disk.faults != nil, (error as? Refusal)?.code == .storeFailed || error is StoreError { return }
        note(.broken(.retrieval, "the index does not go on: \(error)"))
    }

    // MARK: Following

    private func searcher(of broker: BrokerProcess) throws -> Searcher? {
        if let searcher = broker.searcher { return searcher }
        try searching.makeDirectory()
        if searching.finder != broker.number { try spoilIndex() }
        searching.finder = broker.number
        let isThere = FileManager.default.fileExists(atPath: searching.path)
        // What is damaged is beyond altering.
        guard (try? alterFile(searching.path, for: broker)) ?? true else { return nil }
        let searcher = Searcher(broker, in: searching.directory)
        broker.searcher = searcher
        // Only then it is known to be of this history.
        _ = follow(by: searcher, broker)
        if isThere, searcher.room.index != nil { coverage.count(.indexOpened) }
        return searcher
    }

    /// - Parameter late: it is so much later for the index: what went wrong is tried again.
    /// - Returns: whether there is more.
    private func follow(by searcher: Searcher, _ broker: BrokerProcess, late: Duration = .zero) -> Bool {
        let (room, isIdle) = (searcher.room, searching.dice.chance(50))
        searcher.visible.rise(to: broker.core.visible.revision)
        let (wasMaking, tries) = (room.making != nil, room.tries)
        let hasMore = room.step(isIdle: isIdle, now: now + late)
        if room.tries != tries, room.fault != nil { settleFault(of: searcher) }
        if room.fault != nil { return hasMore }
        searching.isReplaced = false
        if room.index?.isWhole == false { coverage.count(.indexHadGaps) }
        if wasMaking, room.making == nil { settleMaking(of: room) }
        return hasMore
    }

    private func settleMaking(of room: SearchRoom) {
        guard let fault = room.figures.fault else { return coverage.count(.indexReplaced) }
        if disk.faults == nil { settle(Lost(fault)) }
    }

    /// It is thrown away where its store was replaced, or its files were damaged; and does not go on while the disk fails.
    func settleFault(of searcher: Searcher) {
        guard let fault = searcher.room.fault else { return }
        if searcher.room.index != nil || !fault.hasPrefix("the index is made anew") {
            if disk.faults == nil { settle(Lost(fault)) }
        } else if searching.isReplaced {
            searching.isReplaced = false
            coverage.count(.indexedAnewInAnotherHistory)
        } else if searching.isDamaged {
            searching.isDamaged = false
            coverage.count(.indexedAnewForDamage)
        } else {
            settle(Lost(fault))
        }
    }

    // MARK: Rest

    /// At the end: it is at the head, and finds what is there.
    func restSearching(_ broker: BrokerProcess) throws {
        guard searching.isOn, let searcher = try searcher(of: broker) else { return }
        catchUp(searcher, broker)
        for branch in [.main] + branches.suffix(2) {
            for question in [SearchQuestion(terms: [.word("op")]), question()] {
                try ask(question, of: branch, at: nil, searcher, broker)
                // It was damaged where nobody had looked yet.
                guard searcher.room.index == nil else { continue }
                catchUp(searcher, broker)
                try ask(question, of: branch, at: nil, searcher, broker)
            }
        }
    }

    private func catchUp(_ searcher: Searcher, _ broker: BrokerProcess) {
        var turns = 0
        while follow(by: searcher, broker, late: .seconds(3 * turns)) || searcher.room.index == nil, turns < 1000 {
            turns += 1
        }
        let head = broker.core.visible.revision
        guard let index = searcher.room.index, index.indexed.revision == head, index.isWhole else {
            let at = searcher.room.index?.indexed.description ?? "nowhere"
            return note(.broken(.retrieval, "the index is at \(at), not whole at the head, \(head)"))
        }
    }
}
