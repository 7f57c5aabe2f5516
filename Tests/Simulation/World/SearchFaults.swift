import Foundation
import MembusChecker
import MembusDice
import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSearch

// What becomes of the index's files between two processes: some are lost, cut short, overwritten, or have flipped bits, within what the
// product claims to notice. Rows have a sum each; of a row that is lost without a trace nothing tells.

extension World {
    func spoilIndex() throws {
        guard FileManager.default.fileExists(atPath: searching.path), searching.dice.chance(searching.isSpoiled) else {
            return
        }
        remark("the index's files are spoilt")
        if searching.dice.chance(20) {
            coverage.count(.indexLost)
            return SearchIndex.remove(searching.path)
        }
        searching.isDamaged = true
        if searching.dice.chance(40), let file = try vectorFiles().randomElement(using: &searching.dice) {
            coverage.count(.vectorsDamaged)
            return try spoil(file, isOfRows: file.hasSuffix(".rows"))
        }
        coverage.count(.indexDamaged)
        // It may be damaged already, where nobody has looked yet.
        if searching.dice.chance(50), (try? flipRow()) != nil { return }
        try spoil(searching.path, isOfRows: false)
    }

    private func vectorFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: searching.directory)
            .filter { $0.hasPrefix("space-") && ($0.hasSuffix(".rows") || $0.hasSuffix(".db")) }
            .sorted().map { searching.directory + "/" + $0 }
    }

    /// - Parameter isOfRows: each of its bytes is in the sum of a row.
    private func spoil(_ path: String, isOfRows: Bool) throws {
        let file = URL(fileURLWithPath: path)
        var bytes = try Data(contentsOf: file)
        if bytes.isEmpty { return }
        switch searching.dice.below(isOfRows ? 4 : 3) {
        case 0: return try FileManager.default.removeItem(at: file)
        case 1: bytes = bytes.prefix(searching.dice.below(bytes.count))
        case 2: for place in bytes.indices { bytes[place] = UInt8(searching.dice.below(256)) }
        default:
            for _ in 0..<searching.dice.within(1...20) {
                bytes[searching.dice.below(bytes.count)] ^= UInt8(1 << searching.dice.below(8))
            }
        }
        try bytes.write(to: file)
    }

    /// A bit of what a row has a sum of.
    private func flipRow() throws {
        let (table, key, column) = searching.dice.pick([
            ("versions", "first", "columns"), ("postings", "term, first", "block"),
            ("sent", "version, space", "contents"),
        ])
        let db = try IndexFile(searching.path).db
        let count = Int(try db.integer("SELECT count(*) FROM \(table)") ?? 0)
        let place = "SELECT \(key) FROM \(table) ORDER BY \(key) LIMIT 1 OFFSET \(searching.dice.below(count))"
        let found = try db.first("SELECT \(column) FROM \(table) WHERE (\(key)) = (\(place))") { row -> Data in
            try row[0]
        }
        guard var bytes = found, !bytes.isEmpty else { return }
        bytes[searching.dice.below(bytes.count)] ^= UInt8(1 << searching.dice.below(8))
        try db.run("UPDATE \(table) SET \(column) = ? WHERE (\(key)) = (\(place))", [bytes])
    }
}
