import MembusModel

/// A term's postings, as far as a state shows them.
struct FoundPostings {
    struct Entry {
        var unit: UInt32
        /// In the body, or the field.
        var frequency: Float
        var isName: Bool
    }

    var entries: [Entry] = []
    /// A field's words are the record's own matter.
    var isOfNeighbours = true
    /// For people.
    var name = ""

    /// What else was found of it; both in the order of units.
    mutating func add(_ others: [Entry]) {
        if others.isEmpty { return }
        var merged: [Entry] = []
        merged.reserveCapacity(entries.count + others.count)
        var next = 0
        for other in others {
            while next < entries.count, entries[next].unit < other.unit {
                merged.append(entries[next])
                next += 1
            }
            if next < entries.count, entries[next].unit == other.unit {
                entries[next].frequency += other.frequency
                entries[next].isName = entries[next].isName || other.isName
            } else {
                merged.append(other)
            }
        }
        merged += entries[next...]
        entries = merged
    }

    /// The logarithm of its rarity, as Lucene has it.
    func weight(of passages: Int) -> Double {
        let holding = Double(entries.count)
        return Double.log(1 + (Double(passages) - holding + 0.5) / (holding + 0.5))
    }
}

/// Where postings stand: in the file, and in memory.
struct PostingSource {
    let table: PostingTable
    /// Those that are being written: each term until it is.
    let frozen: PendingFlush?
    let fresh: PendingPostings
    /// Throws once whoever asks waits no longer.
    let check: () throws -> Void

    /// Calls `body` with each posting of a term, in the order of units.
    func read(_ term: [UInt8], _ body: (Posting, inout PostingReader) throws -> Void) throws {
        try check()
        try term.withUnsafeBufferPointer { term in
            try table.read(term) { reader in
                try check()
                var reader = reader
                while let posting = try reader.next() { try body(posting, &reader) }
            }
            if let frozen, let number = frozen.unwritten(term) { try read(frozen.postings, number, body) }
            if let number = fresh.terms.find(term) { try read(fresh, number, body) }
        }
    }

    private func read(
        _ postings: PendingPostings, _ number: Int, _ body: (Posting, inout PostingReader) throws -> Void
    ) throws {
        let encoder = PostingEncoder()
        postings.encode(number, by: encoder)
        var reader = PostingReader(first: encoder.first, bytes: encoder.block.bytes, places: encoder.places.bytes)
        while let posting = try reader.next() { try body(posting, &reader) }
    }

    /// Calls `body` with each term that begins so; those in memory first.
    private func eachTerm(with prefix: [UInt8], _ body: ([UInt8]) throws -> Void) throws {
        var inMemory = Set(fresh.terms(with: prefix))
        if let frozen { inMemory.formUnion(frozen.postings.terms(with: prefix)) }
        for term in inMemory { try body(term) }
        var first = prefix
        while true {
            let terms = try table.terms(with: prefix, from: first, most: 500)
            for term in terms where !inMemory.contains(term) { try body(term) }
            guard let end = terms.last else { return }
            first = end + [0]
        }
    }

    // MARK: Terms of questions

    /// Words of one prefix that a state shows; more are too many to mean anything.
    static let mostWords = 1000

    func find(_ term: Question.Term, in state: VisibleState, _ columns: Columns) throws -> FoundPostings {
        let reaches = Reach.all(in: state, columns)
        var found: FoundPostings
        switch term {
        case .word(let word):
            found = try postings(of: word, reaches[0])
            for reach in reaches.dropFirst() { found.add(try postings(of: reach.term(word), reach).entries) }
        case .field(let name):
            found = try field(name, in: state)
            found.isOfNeighbours = false
        case .phrase(let words):
            found = FoundPostings()
            for reach in reaches { found.add(try phrase(words.map(reach.term), reach)) }
        case .prefix(let prefix): found = try self.prefix(prefix, reaches)
        }
        found.name = term.description
        return found
    }

    private func postings(of term: [UInt8], _ reach: Reach) throws -> FoundPostings {
        var found = FoundPostings()
        try read(term) { posting, _ in
            if reach.counts(posting.unit) {
                found.entries.append(
                    FoundPostings.Entry(
                        unit: posting.unit, frequency: Float(posting.frequency), isName: posting.isName))
            } else if posting.isName, reach.state.shows(posting.unit) {
                // Names count for it, whatever of its body does.
                found.entries.append(FoundPostings.Entry(unit: posting.unit, frequency: 0, isName: true))
            }
        }
        return found
    }

    /// Who asks for a member by its name finds it, whether it counts otherwise or not.
    private func field(_ name: [UInt8], in state: VisibleState) throws -> FoundPostings {
        var found = FoundPostings()
        for term in [name, TermNames.member(ofField: name)] {
            var entries: [FoundPostings.Entry] = []
            try read(term) { posting, _ in
                guard state.shows(posting.unit) else { return }
                entries.append(
                    FoundPostings.Entry(unit: posting.unit, frequency: Float(posting.frequency), isName: false))
            }
            found.add(entries)
        }
        return found
    }

    private func phrase(_ words: [[UInt8]], _ reach: Reach) throws -> [FoundPostings.Entry] {
        // Where the phrase may begin, by what was seen of it so far.
        var starts: [UInt32: [Int32]] = [:]
        var places: [Int32] = []
        for (offset, word) in words.enumerated() {
            var next: [UInt32: [Int32]] = [:]
            try read(word) { posting, reader in
                try reader.nextPlaces(of: posting, into: &places)
                guard reach.counts(posting.unit), !places.isEmpty else { return }
                let here = places.map { $0 - Int32(offset) }
                if offset == 0 {
                    next[posting.unit] = here
                } else if let before = starts[posting.unit] {
                    let both = before.filter(here.contains)
                    if !both.isEmpty { next[posting.unit] = both }
                }
            }
            starts = next
            if starts.isEmpty { break }
        }
        return starts.map {
            FoundPostings.Entry(unit: $0.key, frequency: Float($0.value.count), isName: false)
        }.sorted { $0.unit < $1.unit }
    }

    private func prefix(_ prefix: [UInt8], _ reaches: [Reach]) throws -> FoundPostings {
        var counts: [UInt32: Float] = [:]
        var words: Set<ArraySlice<UInt8>> = []
        func take(_ term: [UInt8], _ length: Int, _ reach: Reach) throws {
            let word = term[length...]
            // Of a member whose path goes on so.
            if word.contains(TermNames.field) { return }
            var isShown = false
            try read(term) { posting, _ in
                guard posting.written > 0, reach.counts(posting.unit) else { return }
                counts[posting.unit, default: 0] += Float(posting.written)
                isShown = true
            }
            if isShown { words.insert(word) }
            if words.count > Self.mostWords {
                throw Refusal(
                    .invalidArgument,
                    "question: \(String(decoding: prefix, as: UTF8.self).shortened)* stands for more than \(Self.mostWords) words",
                    hint: "write more of the word", subject: "question")
            }
        }
        for reach in reaches {
            for begin in [reach.term(prefix), reach.term([TermNames.written] + prefix)] {
                try eachTerm(with: begin) { try take($0, begin.count, reach) }
            }
        }
        var found = FoundPostings()
        found.entries = counts.map { FoundPostings.Entry(unit: $0.key, frequency: $0.value, isName: false) }
            .sorted { $0.unit < $1.unit }
        return found
    }
}

extension Question.Term: CustomStringConvertible {
    var description: String {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        switch self {
        case .word(let word): return text(word)
        case .field(let name): return text(Array(name.dropFirst())).split(separator: "\u{1}").joined(separator: ":")
        case .phrase(let words): return "\"" + words.map(text).joined(separator: " ") + "\""
        case .prefix(let prefix): return text(prefix) + "*"
        }
    }
}
