import Foundation
import MembusChecker
import MembusModel
import MembusStore

/// What a stopped broker's data directory holds: the history that it served last, and those that were replaced by
/// a backup before, which a restore keeps beside it.
///
/// A store that was compacted holds the commits after its floor only. What came before is taken from copies that
/// were made before each compaction; where two of them have the same commit it must be the same, and what the
/// compacted store shows at its floor and above must be what all those commits come to.
struct StoredTruth {
    private(set) var truths: [Lineage: Truth] = [:]
    private(set) var violations: [String] = []
    /// How many commits are no longer in the stores themselves.
    private(set) var compacted = 0

    /// One file.
    private struct Piece {
        var name: String
        var reader: Reader
        var lineage: Lineage
        var floor: Position
        var branches: [BranchInfo]
        var commits: [Commit]
        var head: Revision { commits.last?.info.revision ?? floor.revision }
    }

    init(directory: String, copies: [String] = []) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
        let stores = try names.filter(Self.isStore).map { try Self.read(directory + "/" + $0) }
        if stores.isEmpty { throw Unreadable("there is no store in \(directory)") }
        for store in stores where stores.contains(where: { $0.name != store.name && $0.lineage == store.lineage }) {
            throw Unreadable("\(directory) holds two histories of lineage \(store.lineage)")
        }
        let pieces = try copies.map(Self.read) + stores
        try assemble(Dictionary(grouping: pieces, by: \.lineage))
        for store in stores { try compare(store) }
    }

    private static func isStore(_ name: String) -> Bool {
        name == "membus.db"
            || name.hasPrefix("membus.db.before-restore-") && !["-wal", "-shm"].contains { name.hasSuffix($0) }
    }

    // MARK: One file

    private static func read(_ file: String) throws -> Piece {
        let reader = try Store.reader(ofFile: file)
        var piece = Piece(
            name: file, reader: reader, lineage: reader.lineage, floor: try reader.floor(),
            branches: try reader.branches(visible: .max), commits: [])
        var log = GetLog(branch: nil, ascending: true, limit: 10_000, values: true)
        var more = true
        while more {
            let page = try reader.log(log, visible: .max)
            for commit in page.commits {
                if let last = piece.commits.last, last.info.revision == commit.info.revision {
                    // A commit that a page's end cut in two.
                    piece.commits[piece.commits.count - 1].records += commit.records
                } else {
                    piece.commits.append(commit)
                }
            }
            (log.cursor, more) = (page.next, page.more)
        }
        return piece
    }

    // MARK: All of them

    /// Lineage by lineage, those first that need no other: what a restored one lacks at its start, another has.
    private mutating func assemble(_ lineages: [Lineage: [Piece]]) throws {
        var rest = lineages.mapValues { $0.sorted { ($0.floor.revision, $0.head) < ($1.floor.revision, $1.head) } }
        while !rest.isEmpty {
            let next = rest.keys.sorted { $0.id < $1.id }.first { beginning(of: rest[$0]?.first) != nil }
            guard let next, let pieces = rest.removeValue(forKey: next), var truth = beginning(of: pieces.first) else {
                let lacking = rest.values.compactMap(\.first).map { "\($0.name) up to \($0.floor.revision)" }
                throw Unreadable("no copy has what was compacted: \(lacking.joined(separator: ", "))")
            }
            for piece in pieces { try add(piece, to: &truth) }
            truths[next] = truth
        }
    }

    /// What came before the first file that there is of a lineage; `nil` if it is not known yet.
    private func beginning(of piece: Piece?) -> Truth? {
        guard let piece else { return nil }
        if piece.floor.revision == 0 { return Truth(lineage: piece.lineage) }
        return truths.values.first { $0.holds(piece.floor) }?.prefix(piece.floor.revision, as: piece.lineage)
    }

    private mutating func add(_ piece: Piece, to truth: inout Truth) throws {
        truth.know(piece.branches)
        for commit in piece.commits {
            let revision = commit.info.revision
            if let known = truth.commit(revision) {
                guard known != commit else { continue }
                violations.append("\(piece.name) has \(revision) as \(commit), a copy made before as \(known)")
            } else if !truth.append(commit) {
                throw Unreadable("\(piece.name): revision \(revision) follows \(truth.head.revision) in the log")
            }
        }
    }

    // MARK: What compaction kept

    /// At the floor, at the head, and half-way between: what reads there show is what it was.
    private mutating func compare(_ piece: Piece) throws {
        guard let truth = truths[piece.lineage], piece.floor.revision > 0 else { return }
        compacted += Int(piece.floor.revision)
        for revision in Set([piece.floor.revision, (piece.floor.revision + piece.head) / 2, piece.head]).sorted() {
            for branch in piece.branches where branch.created <= revision {
                let stored = try piece.reader.digest(.everything, on: branch.name, at: revision, visible: .max)
                var expected = StateDigest.Builder()
                for record in truth.state(of: branch.name, .everything, at: revision) { expected.add(record) }
                guard stored.digest != expected.finish() else { continue }
                violations.append(
                    "\(piece.name), compacted up to \(piece.floor.revision), at \(revision) shows another \(branch.name) than "
                        + "there was")
            }
        }
    }
}

extension TopicFilter {
    fileprivate static let everything = TopicFilter([Topic(unchecked: "/")])
}

/// Something that was to be checked cannot be read.
struct Unreadable: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
