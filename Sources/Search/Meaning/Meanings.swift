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

    package let model: MeaningModel
    let vectors: VectorFile
    /// Of each unit, the row of its vector; none: it has none yet; never: there is nothing to embed.
    private(set) var rowOf: [UInt32] = []
    /// From where on units are looked at: those that are current, and then the others.
    private var next = (current: 0, others: 0)
    /// Passages of the index that have a vector.
    package private(set) var embedded = 0
    private var asked: [ByBytes: QuantizedVector] = [:]

    static let none = UInt32.max
    private static let never = UInt32.max - 1

    package init(_ model: MeaningModel, _ vectors: VectorFile) { (self.model, self.vectors) = (model, vectors) }

    /// Takes the units that came since.
    mutating func follow(_ columns: Columns) {
        for unit in rowOf.count..<columns.unitCount {
            if columns.length[unit] == 0 {
                rowOf.append(Self.never)
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

    mutating func skip(_ unit: UInt32) { rowOf[Int(unit)] = Self.never }

    static func wanted(_ unit: UInt32, _ content: ContentName, _ text: String) -> Wanted {
        Wanted(content: (content.high, content.low), text: text, unit: unit)
    }

    /// The vectors of what was wanted, in its order; `nil`: it has no direction.
    package mutating func take(_ wanted: [Wanted], _ made: [QuantizedVector?]) throws {
        var new: [(content: ContentName, vector: QuantizedVector)] = []
        var isNew: Set<ContentName> = []
        for (one, vector) in zip(wanted, made) {
            let content = ContentName(high: one.content.0, low: one.content.1)
            guard let vector, vectors.row(of: content) == nil, isNew.insert(content).inserted else { continue }
            new.append((content, vector))
        }
        try vectors.add(new)
        for one in wanted where rowOf[Int(one.unit)] == Self.none {
            let row = vectors.row(of: ContentName(high: one.content.0, low: one.content.1))
            rowOf[Int(one.unit)] = row ?? Self.never
            if row != nil { embedded += 1 }
        }
    }

    /// Of a question; the last ones are kept, for further pages.
    mutating func vector(of question: String) -> QuantizedVector? {
        if let known = asked[ByBytes(question)] { return known }
        guard let vector = QuantizedVector(model.embed(question)) else { return nil }
        if asked.count >= 64 { asked.removeAll() }
        asked[ByBytes(question)] = vector
        return vector
    }
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
        let versions = try reader.versions(
            at: units.map { columns.place(of: columns.versionOf[Int($0)]) }, visible: visible)
        return zip(units, versions).compactMap { unit, stored in
            guard let stored else {
                meanings?.skip(unit)
                return nil
            }
            let passage = passage(unit, of: columns.versionOf[Int(unit)], stored.record)
            return Meanings.wanted(
                unit, columns.content[Int(unit)], ContentName.text(author: stored.agent, passage: passage.text))
        }
    }

    package func take(_ wanted: [Meanings.Wanted], _ made: [QuantizedVector?]) throws {
        try meanings?.take(wanted, made)
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
