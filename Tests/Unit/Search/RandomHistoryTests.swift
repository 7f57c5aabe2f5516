import Foundation
import MembusDice
import MembusModel
import MembusStore
import Testing

@testable import MembusSearch

@Suite("Random histories, searched")
struct RandomHistoryTests {
    @Test("every state is ranked as a model over dictionaries ranks it", arguments: 0..<10 as Range<UInt64>)
    func oracle(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed)
        for _ in 0..<60 {
            try history.move()
            try history.follow()
            for _ in 0..<4 { try history.ask(history.world.index) }
        }
    }

    @Test(
        "killed at any moment, and opened again, an index goes on to the same answers",
        arguments: 10..<20 as Range<UInt64>)
    func killed(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed)
        let world = history.world
        for _ in 0..<60 {
            try history.move()
            try history.follow()
            if history.dice.chance(12) { try world.reopen() }
            if history.dice.chance(8) {
                // What a disk holds at this moment, whoever goes on writing.
                let path = try world.copyOfFile("copy.db")
                let copy = try SearchIndex(at: path, lineage: world.store.lineage, world.splitter)
                while try copy.step(from: world.reader, upTo: world.head, isIdle: history.dice.chance(50)) {}
                for _ in 0..<5 { try history.ask(copy) }
            }
            for _ in 0..<2 { try history.ask(world.index) }
        }
        try world.follow(andWrite: true)
        let anew = try world.madeAnew()
        for _ in 0..<10 {
            guard let (branch, revision) = try history.state(of: anew) else { continue }
            let search = Search(
                branch: branch, at: revision, question: history.question(), limit: 1000, explains: true,
                withPassages: true)
            #expect(try world.search(search) == world.search(search, by: anew))
        }
    }

    @Test(
        "a file with bytes that are not as they were written is a fault, or answers as it should",
        arguments: 20..<40 as Range<UInt64>)
    func damaged(seed: UInt64) throws {
        let history = try RandomHistory(seed: seed)
        let world = history.world
        for _ in 0..<30 {
            try history.move()
            try world.follow(andWrite: history.dice.chance(50))
        }
        try world.follow(andWrite: true)
        try world.index.file.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        let rows = try rowNames(of: world.index)
        for _ in 0..<4 {
            let path = try world.copyOfFile("copy.db")
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            history.dice.damage(&bytes)
            try bytes.write(to: URL(fileURLWithPath: path))
            try? FileManager.default.removeItem(atPath: path + "-wal")
            do {
                let index = try SearchIndex(at: path, lineage: world.store.lineage, world.splitter)
                while try index.step(from: world.reader, upTo: world.head, isIdle: true) {}
                // A row that can't be found under its name has no sum that tells.
                let areThere = (try? rowNames(of: index))?.isSuperset(of: rows) ?? false
                for _ in 0..<8 { try history.ask(index, isToBeRight: areThere) }
            } catch {
                // What another file would not have: a broker makes one.
                #expect((error as? DatabaseError)?.isDamage ?? !(error is StoreError), "\(error)")
            }
        }
    }

    private func rowNames(of index: SearchIndex) throws -> Set<String> {
        let rows = try index.file.db.rows("SELECT hex(term), first FROM postings")
        var names: Set<String> = []
        while let row = try rows.next() {
            let (term, first): (String, Int64) = (try row[0], try row[1])
            names.insert("\(term) \(first)")
        }
        return names
    }
}

extension RandomHistory {
    /// A piece of what there is to do, or nothing.
    func follow() throws {
        for _ in 0..<dice.below(4) {
            _ = try world.index.step(from: world.reader, upTo: world.head, isIdle: dice.chance(70))
        }
    }
}

extension Dice {
    fileprivate mutating func damage(_ bytes: inout Data) {
        switch below(8) {
        case 0: bytes.removeLast(below(bytes.count))
        case 1: bytes = Data((0..<below(20_000)).map { _ in UInt8(below(256)) })
        default:
            for _ in 0..<within(1...20) { bytes[below(bytes.count)] ^= UInt8(1 << below(8)) }
        }
    }
}
