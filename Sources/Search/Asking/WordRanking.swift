import Glibc
import MembusModel

// BM25 of the passages in scope that hold one of the terms themselves, as the state shows them:
//
//   rows       the passages that hold a term, in scope or not: a neighbour out of scope counts, too
//   around     of each row in scope: the numbered neighbours' rows with their shares, and its length with theirs
//   score      over the average length of the rows in scope
//
// Lengths count a neighbour's words twice its share. Names count half, once.

struct WordRanking {
    struct Row {
        var unit: UInt32
        var version: UInt32
        var score: Double
        fileprivate var number: Int
        fileprivate var length: Double
    }

    static let k1 = 1.2
    static let b = 0.75
    static let names: Float = 0.5
    /// Longer records take no context.
    static let short = 64

    let terms: [FoundPostings]
    let weights: [Double]
    private let columns: Columns
    /// Of each unit: the words that count.
    private let lengths: [UInt8]
    private let state: VisibleState
    /// Of each row, its unit; and its frequencies, term by term: in the body, and with names.
    private var units: [UInt32] = []
    private var bodies: [Float] = []
    private var owns: [Float] = []
    /// The same with the neighbours' shares.
    private var frequencies: [Float] = []
    /// Rows in scope.
    private(set) var rows: [Row] = []
    private var average = 1.0
    /// The best score; 1 if there is none.
    private(set) var best = 1.0

    init(
        _ terms: [FoundPostings], in state: VisibleState, scope: [Bool]?, _ columns: Columns, lengths: [UInt8],
        _ rowOf: inout RowNumbers
    ) {
        self.lengths = lengths
        self.terms = terms
        self.columns = columns
        self.state = state
        weights = terms.map { $0.weight(of: state.unitCount) }
        fill(&rowOf)
        score(scope, rowOf)
        rowOf.forget(units)
    }

    private mutating func fill(_ rowOf: inout RowNumbers) {
        rowOf.grow(to: columns.unitCount)
        for term in terms {
            for entry in term.entries where rowOf[entry.unit] == nil {
                rowOf[entry.unit] = UInt32(units.count)
                units.append(entry.unit)
            }
        }
        bodies = [Float](repeating: 0, count: units.count * terms.count)
        owns = bodies
        for (index, term) in terms.enumerated() {
            for entry in term.entries {
                guard let row = rowOf[entry.unit] else { continue }
                let place = Int(row) * terms.count + index
                if term.isOfNeighbours { bodies[place] = entry.frequency }
                owns[place] = entry.frequency + (entry.isName ? Self.names : 0)
            }
        }
    }

    private mutating func score(_ scope: [Bool]?, _ rowOf: RowNumbers) {
        var sum = 0.0
        var frequencies = owns
        rows.reserveCapacity(units.count)
        state.shown.withUnsafeBufferPointer { shown in
            for (row, unit) in units.enumerated() {
                let version = columns.versionOf[Int(unit)]
                let key = columns.keyOf[Int(version)]
                if let scope, !scope[Int(key)] { continue }
                let length = take(row, unit, version, key, shown, rowOf, into: &frequencies)
                sum += length
                rows.append(Row(unit: unit, version: version, score: 0, number: row, length: length))
            }
        }
        self.frequencies = frequencies
        if rows.isEmpty { return }
        average = sum / Double(rows.count)
        if average == 0 { average = 1 }
        for index in rows.indices {
            var score = 0.0
            for term in terms.indices { score += share(of: term, in: rows[index]) }
            rows[index].score = score
        }
        let top = rows.reduce(0) { max($0, $1.score) }
        if top > 0 { best = top }
    }

    /// What a term gives to a row.
    @inline(__always)
    private func share(of term: Int, in row: Row) -> Double {
        let frequency = Double(frequencies[row.number * terms.count + term])
        if frequency <= 0 { return 0 }
        let norm = Self.k1 * (1 - Self.b + Self.b * row.length / average)
        return weights[term] * frequency * (Self.k1 + 1) / (frequency + norm)
    }

    /// What each term gives to a row.
    func shares(of row: Row) -> [Double] { terms.indices.map { share(of: $0, in: row) } }

    /// Adds what the neighbours give.
    /// - Returns: the length, with theirs.
    @inline(__always)
    private func take(
        _ row: Int, _ unit: UInt32, _ version: UInt32, _ key: UInt32, _ shown: UnsafeBufferPointer<UInt32>,
        _ rowOf: RowNumbers, into frequencies: inout [Float]
    ) -> Double {
        var length = Double(lengths[Int(unit)])
        // A short record has one passage.
        guard length <= Double(Self.short), columns.units(of: version).count == 1, state.takesContext(key)
        else { return length }
        columns.numbered.neighbours(of: key, shown: shown) { version, share in
            for other in columns.units(of: version) {
                length += 2 * share * Double(lengths[Int(other)])
                guard let from = rowOf[other] else { continue }
                for term in terms.indices {
                    frequencies[row * terms.count + term] += Float(share) * bodies[Int(from) * terms.count + term]
                }
            }
        }
        return length
    }
}

/// Of each unit, the number of its row; kept between questions, so that only what was used is forgotten.
struct RowNumbers {
    private var numbers: [UInt32] = []

    mutating func grow(to count: Int) {
        if numbers.count < count { numbers.append(contentsOf: repeatElement(0, count: count - numbers.count)) }
    }

    @inline(__always)
    subscript(_ unit: UInt32) -> UInt32? {
        get { numbers[Int(unit)] == 0 ? nil : numbers[Int(unit)] - 1 }
        set { numbers[Int(unit)] = newValue.map { $0 + 1 } ?? 0 }
    }

    mutating func forget(_ units: [UInt32]) { for unit in units { numbers[Int(unit)] = 0 } }
}

extension Double {
    static func log(_ value: Double) -> Double { Glibc.log(value) }
}
