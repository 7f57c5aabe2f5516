import Foundation
import MembusModel

@testable import MembusSearch
@testable import MembusStore

// Rows of postings, behind their checksums, in the index of a small store: blocks are read to their end or refused as
// damaged; and whatever stands in the file, questions get an answer or are told what is wrong with it.

extension FuzzTarget {
    static let postings = FuzzTarget(
        name: "postings", check: checkPostings, seeds: { postingSeeds }, mutations: 8)
}

private let terms = ["train", "night", "\u{3}trains", "\u{1}author\u{1}ada", "\u{2}plans/paris", "nowher"]

/// A script: of each row its term; its first unit and span, two bytes each, or four where the term's high bit is set;
/// block and places.
private struct Row {
    var term: [UInt8]
    var first: UInt32
    var span: UInt32
    var block: [UInt8]
    var places: [UInt8]

    init(_ script: inout Script) {
        let byte = script.byte()
        term = Array(terms[Int(byte & 0x7F) % terms.count].utf8)
        func number() -> UInt32 {
            (0..<(byte < 0x80 ? 2 : 4)).reduce(0) { number, _ in number << 8 | UInt32(script.byte()) }
        }
        (first, span) = (number(), number())
        (block, places) = (script.piece(), script.piece())
    }

    var sum: Int64 {
        term.withUnsafeBytes { term in
            block.withUnsafeBytes { block in
                places.withUnsafeBytes { Checksum.of(term, block, $0, numbers: (first, span)) }
            }
        }
    }
}

private func checkPostings(_ bytes: [UInt8]) throws {
    var script = Script(bytes)
    var rows: [Row] = []
    while !script.isAtEnd, rows.count < 8 { rows.append(Row(&script)) }
    for row in rows { try checkBlock(row) }
    let world = try IndexedStore()
    for row in rows {
        try world.index.file.db.run(
            "INSERT OR REPLACE INTO postings VALUES(?, ?, ?, ?, ?, ?)",
            [Data(row.term), Int64(row.first), Int64(row.span), Data(row.block), Data(row.places), row.sum])
    }
    try world.ask()
    // Small rows are joined.
    for row in rows {
        try told { for unit in 0..<UInt32(PostingTable.joined) { try world.write(row.term, 1_000_000 + unit) } }
    }
    try world.ask()
}

private func checkBlock(_ row: Row) throws {
    try row.block.withUnsafeBytes { block in
        try row.places.withUnsafeBytes { allPlaces in
            var reader = PostingReader(first: row.first, bytes: block, places: allPlaces)
            var (last, places): (UInt32, [Int32]) = (row.first, [])
            try told {
                while let posting = try reader.next() {
                    try require(posting.unit >= last, "units that fall")
                    last = posting.unit
                    try reader.nextPlaces(of: posting, into: &places)
                    try require(
                        (places.first ?? 0) >= 0 && zip(places, places.dropFirst()).allSatisfy { $0 < $1 },
                        "places that do not rise: \(places)")
                }
            }
        }
    }
}

/// Runs what may fail, but not without a word.
private func told(_ body: () throws -> Void) throws {
    do { try body() } catch {
        switch error {
        case let error as SearchFault: try requireClear(error.description, "a damaged index")
        case let error as StoreError: try requireClear(error.message, "a damaged index")
        case let error as Refusal: try requireClear(error.message, "a damaged index")
        case let error as DatabaseError: try requireClear(error.description, "a damaged index")
        case let error as Violation: throw error
        default: throw Violation("a damaged index ends in \(type(of: error)): \(error)")
        }
    }
}

/// A store in memory with few records, and its index, all of it written.
private struct IndexedStore {
    let store: Store
    let reader: Reader
    let index: SearchIndex
    let head: Revision

    init() throws {
        store = try Store.inMemory(newLineage: 7)
        let writer = try store.makeWriter()
        reader = try store.makeReader()
        index = try SearchIndex(at: ":memory:", lineage: store.lineage, WordSplitter())
        func put(_ key: String, _ text: String, links: [Link] = []) -> Change {
            Change(Key(unchecked: key), .put(Put(Data(text.utf8), links: links)))
        }
        let works = [
            [
                put("plans/paris", "the night train"), put("talk/D1:1", "trains by night"),
                put("talk/D1:2", "no train", links: [Link(relation: "of", target: Key(unchecked: "plans/paris"))]),
            ],
            [
                put("talk/D1:1", "a boat"),
                Change(Key(unchecked: "plans/old"), .put(Put(Data("4".utf8), kind: .counter))),
            ],
        ]
        var items = [WriteItem.openSession(SessionID(4), agent: "ada")]
        for (number, changes) in works.enumerated() {
            let work = Work.transaction(Transaction(changes: changes))
            let request = Transact(
                session: SessionID(4), number: UInt64(number + 1), acknowledged: 0, work: .success(work))
            items.append(.transact(request, fingerprint: work.fingerprint))
        }
        _ = try writer.write(items, at: Timestamp(milliseconds: 1_000_000))
        head = writer.head.revision
        while try index.step(from: reader, upTo: head, isIdle: true) {}
    }

    func ask() throws {
        let layers = try reader.layers(of: .main, at: nil, newest: index.indexed.revision, visible: head)
        for question in ["train", "\"night train\"", "tra* nig*", "author:ada", "nowhere train"] {
            try told {
                let page = try index.search(
                    Search(question: question, explains: true, withPassages: true), in: layers, reader: reader,
                    visible: head)
                try check(page)
            }
        }
        try told {
            let recall = Recall(question: "night trains \"night train\"", budget: .characters(60))
            let told = try index.recall(recall, in: layers, reader: reader, visible: head)
            try require(told.size <= 60, "a block of \(told.size)")
        }
        try told {
            _ = try index.links(
                GetLinks(keys: [Key(unchecked: "plans/paris")], depth: 3), in: layers, reader: reader, visible: head)
        }
    }

    private func check(_ page: SearchPage) throws {
        try require(page.hits.count <= page.found && page.found <= 4, "\(page.hits.count) of \(page.found) hits")
        try require(page.passages == 4, "\(page.passages) passages")
        try require(page.hits.allSatisfy { $0.score.isFinite }, "a score that is no number")
    }

    func write(_ term: [UInt8], _ unit: UInt32) throws {
        let (pending, encoder) = (PendingPostings(), PostingEncoder())
        try term.withUnsafeBufferPointer { term in
            pending.add(term, unit, at: 3)
            pending.encode(0, by: encoder)
            try index.table.write(encoder, of: term)
        }
    }
}

private let postingSeeds: [[UInt8]] = [
    [], [0, 0, 0, 0, 2, 6, 0, 12, 1, 12, 1, 12, 6, 3, 0, 1, 4, 0, 2],
    [1, 0, 0, 0, 2, 4, 0, 12, 2, 12, 4, 2, 0, 1, 0, 0, 0, 0, 0, 2, 4, 0, 12, 2, 12, 4, 3, 0, 2, 0],
    [2, 0, 0, 0, 1, 5, 0, 10, 1, 1, 9, 0, 3, 0, 1, 0, 1, 2, 0, 8, 0, 4, 0, 2, 0, 0, 2, 0, 8, 0],
    [128, 255, 255, 255, 255, 0, 0, 0, 0, 2, 0, 12, 2, 1, 0],
    [0, 0, 7, 0, 9, 4, 0, 12, 9, 12, 4, 9, 0, 9, 0, 0, 0, 9, 0, 1, 2, 0, 12, 2, 1, 0],
]
