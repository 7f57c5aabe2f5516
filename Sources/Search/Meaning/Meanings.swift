import MembusMeaning
import MembusModel
import MembusStore

// Which passages of an index have vectors, and which are still to be embedded: those of versions that no other has followed come
// first, since the newest states are asked for most.

/// Of one index. Used by one thread at a time.
package struct Meanings {
    /// A passage whose vector is to be made.
    package struct Wanted: Sendable {
        package var content: (UInt64, UInt64)
        package var text: String
        fileprivate var unit: UInt32
    }

    package let source: any MeaningSource
    let vectors: VectorFile
    /// Of each unit, the row of its vector; none: it has none yet; never: there is nothing to embed.
    private(set) var rowOf: [UInt32] = []
    /// From where on units are looked at: those that are current, and then the others.
    private var next = (current: 0, others: 0)
    /// Passages of the index that have a vector, or need none.
    package private(set) var embedded = 0
    private var asked: [ByBytes: QuantizedVector] = [:]

    /// Of one record's passages: what stands behind them in a whole book is found by its words.
    static let mostOfOne = 512
    static let none = UInt32.max
    private static let never = UInt32.max - 1

    package init(_ source: any MeaningSource, _ vectors: VectorFile) { (self.source, self.vectors) = (source, vectors) }

    /// Takes the units that came since.
    mutating func follow(_ columns: Columns) {
        for unit in rowOf.count..<columns.unitCount {
            let number = UInt32(unit) - columns.firstUnit[Int(columns.versionOf[unit])]
            if columns.length[unit] == 0 || number >= Self.mostOfOne {
                rowOf.append(Self.never)
                embedded += 1
            } else if let row = vectors.row(of: columns.content[unit]) {
                rowOf.append(row)
                embedded += 1
            } else {
                rowOf.append(Self.none)
            }
        }
    }

    @inline(__always)
    func row(of unit: UInt32) -> UInt32? {
        let row = rowOf[Int(unit)]
        return row >= Self.never ? nil : row
    }

    /// Whether a unit's meaning is still to be found.
    @inline(__always)
    func isMissing(_ unit: UInt32) -> Bool { rowOf[Int(unit)] == Self.none }

    /// The units to be embedded next; those that share a vector that is there by now get it.
    mutating func missing(_ most: Int, _ columns: Columns) -> [UInt32] {
        follow(columns)
        var units: [UInt32] = []
        while units.count < most, next.current < rowOf.count {
            let unit = next.current
            next.current += 1
            if columns.next[Int(columns.versionOf[unit])] == Columns.none { look(at: unit, columns, &units) }
        }
        while units.count < most, next.others < next.current {
            look(at: next.others, columns, &units)
            next.others += 1
        }
        return units
    }

    private mutating func look(at unit: Int, _ columns: Columns, _ units: inout [UInt32]) {
        guard rowOf[unit] == Self.none, !columns.isForgotten(Int(columns.versionOf[unit])) else { return }
        if let row = vectors.row(of: columns.content[unit]) {
            rowOf[unit] = row
            embedded += 1
        } else {
            units.append(UInt32(unit))
        }
    }

    /// What can't be embedded now is looked at once more, later.
    mutating func startOver() { next = (0, 0) }

    mutating func skip(_ unit: UInt32) {
        rowOf[Int(unit)] = Self.never
        embedded += 1
    }

    static func wanted(_ unit: UInt32, _ content: ContentName, _ text: String) -> Wanted {
        Wanted(content: (content.high, content.low), text: text, unit: unit)
    }

    /// The vectors of what was wanted, in its order; `nil`: it has no direction.
    /// What was wanted for an index that this one has replaced has other units: contents tell.
    mutating func take(_ wanted: [Wanted], _ made: [QuantizedVector?], _ columns: Columns) throws {
        var new: [(content: ContentName, vector: QuantizedVector)] = []
        var isNew: Set<ContentName> = []
        for (one, vector) in zip(wanted, made) {
            let content = ContentName(high: one.content.0, low: one.content.1)
            guard let vector, vectors.row(of: content) == nil, isNew.insert(content).inserted else { continue }
            new.append((content, vector))
        }
        try vectors.add(new)
        for one in wanted {
            let (unit, content) = (Int(one.unit), ContentName(high: one.content.0, low: one.content.1))
            guard unit < rowOf.count, columns.content[unit] == content, rowOf[unit] == Self.none else { continue }
            rowOf[unit] = vectors.row(of: content) ?? Self.never
            embedded += 1
        }
    }

    /// Of a question; the last ones are kept, for further pages.
    /// - Throws: `Refusal`, or ``MeaningIsAwaited``.
    mutating func vector(of question: String) throws -> QuantizedVector? {
        if let known = asked[ByBytes(question)] { return known }
        guard let vector = try source.vector(of: question) else { return nil }
        if asked.count >= 64 { asked.removeAll() }
        asked[ByBytes(question)] = vector
        return vector
    }
}

/// A version's passages, of which some are embedded at a time.
struct CutVersion {
    var version: UInt32
    var author: String
    var passages: [String]
}

extension SearchIndex {
    /// From now on meaning counts.
    package func attach(_ meanings: Meanings?) {
        self.meanings = meanings
        self.meanings?.follow(columns)
    }

    /// Passages whose vectors are to be made next.
    package func wanted(_ most: Int, reader: Reader, visible: Revision) throws -> [Meanings.Wanted] {
        guard let units = meanings?.missing(most, columns), !units.isEmpty else { return [] }
        return try units.compactMap { unit in
            let version = columns.versionOf[Int(unit)]
            if cut?.version != version { cut = try cutAgain(version, reader: reader, visible: visible) }
            let number = Int(unit - columns.firstUnit[Int(version)])
            guard let cut, number < cut.passages.count else {
                meanings?.skip(unit)
                return nil
            }
            return Meanings.wanted(
                unit, columns.content[Int(unit)],
                ContentName.text(author: cut.author, passage: cut.passages[number]))
        }
    }

    /// - Returns: `nil`: it is no longer kept.
    private func cutAgain(_ version: UInt32, reader: Reader, visible: Revision) throws -> CutVersion? {
        guard let stored = try reader.versions(at: [columns.place(of: version)], visible: visible).first ?? nil else {
            return nil
        }
        let body = RecordText(StoredText(record: stored.record, author: "", message: "")).body
        let parts = body.withUnsafeBufferPointer { Passages.cut($0, splitter.split($0)) }
        return CutVersion(
            version: version, author: stored.agent,
            passages: parts.prefix(Meanings.mostOfOne).map { String(decoding: body[$0.bytes], as: UTF8.self) })
    }

    package func take(_ wanted: [Meanings.Wanted], _ made: [QuantizedVector?]) throws {
        try meanings?.take(wanted, made, columns)
    }

    /// Vectors that no passage has any more are left behind, if they are many.
    /// - Returns: where the others are now; `nil`: where they were.
    package func vectorsInUse() throws -> VectorFile? {
        guard let meanings else { return nil }
        var used: Set<UInt32> = []
        for unit in 0..<UInt32(columns.unitCount) {
            if let row = meanings.row(of: unit) { used.insert(row) }
        }
        let all = meanings.vectors.count
        guard all > used.count + 1000, all * 3 > used.count * 4 else { return nil }
        return try meanings.vectors.rewritten(keeping: used)
    }

    package func lookAgainForMissing() { meanings?.startOver() }

    /// How much of a state has vectors.
    func coverage(of state: VisibleState) -> (have: Int, all: Int) {
        guard meanings != nil else { return (0, 0) }
        meanings?.follow(columns)
        var (have, missing) = (0, 0)
        guard let meanings else { return (0, 0) }
        state.eachUnit { unit in
            if meanings.row(of: unit) != nil { have += 1 } else if meanings.isMissing(unit) { missing += 1 }
        }
        return (have, have + missing)
    }
}
