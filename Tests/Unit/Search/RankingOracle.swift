import Foundation
import MembusModel
import MembusStore

@testable import MembusSearch

/// The rule of ranking over plain dictionaries, on what one state shows.
struct RankingOracle {
    struct Hit {
        var key: String
        var score: Double
        var words: Double
        var passage: Int
    }

    private struct Unit {
        var record: Int
        var number: Int
        /// As they stand in the passage; and where each stands, which a phrase goes by.
        var stems: [String] = []
        var places: [Int] = []
        /// As they are written.
        var written: [String] = []
        /// Names in the text, whole and in parts.
        var extras: [String] = []
        /// The same of both in members of JSON: `path:stem`.
        var members: [String] = []
    }

    private struct Entry {
        var key: String
        var names: Set<String>
        /// `field:stem`.
        var fields: [String]
        var units: Range<Int>
    }

    private var units: [Unit] = []
    private var entries: [Entry] = []
    private let splitter: WordSplitter

    var passages: Int { units.count }

    init(_ versions: [StoredVersion], _ splitter: WordSplitter) {
        self.splitter = splitter
        for version in versions where !version.record.key.text.hasPrefix(".membus/") { add(version) }
    }

    // MARK: What a record holds

    private mutating func add(_ version: StoredVersion) {
        let held = RecordText(
            StoredText(record: version.record, author: version.agent, message: version.message))
        let first = units.count
        held.body.withUnsafeBufferPointer { body in
            let words = splitter.split(body)
            for (number, part) in Passages.cut(body, words).enumerated() {
                units.append(unit(part, number, of: body, words, held))
            }
        }
        var names: Set<String> = []
        for name in held.names { names.formUnion(stems(name) + extras(Array(name.utf8))) }
        let fields = held.fields.flatMap { name, value in stems(value).map { name + ":" + $0 } }
        entries.append(Entry(key: version.record.key.text, names: names, fields: fields, units: first..<units.count))
    }

    private func unit(
        _ part: Passages.Part, _ number: Int, of body: UnsafeBufferPointer<UInt8>, _ words: WordSplitter.Words,
        _ held: RecordText
    ) -> Unit {
        var unit = Unit(record: entries.count, number: number)
        for index in part.words {
            let span = words.spans[index]
            unit.stems.append(text(words.term(index)))
            unit.places.append(index + 1000 * held.breaks.count { $0 <= Int(span.from) })
            let word = text(body[Int(span.from)..<Int(span.to)])
            unit.written.append(text(splitter.split(word, isStemmed: false).bytes))
        }
        unit.extras = extras(Array(body[part.bytes]))
        for member in held.members where !member.path.isEmpty && member.bytes.overlaps(part.bytes) {
            let own = part.words.filter { member.bytes.contains(Int(words.spans[$0].from)) }
            let found = own.map { text(words.term($0)) } + extras(Array(body[member.bytes.clamped(to: part.bytes)]))
            unit.members += found.map { member.path + ":" + $0 }
        }
        return unit
    }

    private func stems(_ text: String) -> [String] {
        let split = splitter.split(text)
        return (0..<split.count).map { String(decoding: split.term($0), as: UTF8.self) }
    }

    private func extras(_ bytes: [UInt8]) -> [String] {
        var found: [String] = []
        bytes.withUnsafeBufferPointer {
            Identifiers.find(in: $0) {
                found.append(text($0))
            } part: {
                found += stems(text($0))
            }
        }
        return found
    }

    // MARK: What a term finds

    /// How often it stands in a passage, and whether it is a name.
    private func occurrences(_ term: Question.Term, _ unit: Unit) -> (body: Double, isName: Bool) {
        switch term {
        case .word(let word):
            let word = text(word)
            let count = unit.stems.count { $0 == word } + unit.extras.count { $0 == word }
            return (Double(count), entries[unit.record].names.contains(word))
        case .field:
            let field = term.description
            let count = entries[unit.record].fields.count { $0 == field } + unit.members.count { $0 == field }
            return (Double(count), false)
        case .prefix(let prefix):
            let prefix = text(prefix)
            return (Double(unit.written.count { $0.utf8.starts(with: prefix.utf8) }), false)
        case .phrase(let words):
            let words = words.map { text($0) }
            let starts = unit.stems.indices.filter { start in
                words.indices.allSatisfy {
                    let place = start + $0
                    return place < unit.stems.count && unit.stems[place] == words[$0]
                        && unit.places[place] == unit.places[start] + $0
                }
            }
            return (Double(starts.count), false)
        }
    }

    // MARK: Ranking

    /// Stem and number of a numbered key.
    private static func place(_ key: String) -> (String, Int)? {
        let digits = key.reversed().prefix(18).prefix { $0.isASCII && $0.isNumber }.reversed()
        return Int(String(digits)).map { (String(key.dropLast(digits.count)), $0) }
    }

    private func neighbours(of unit: Unit) -> [(entry: Entry, share: Double)] {
        let own = entries[unit.record]
        guard own.units.count == 1, unit.stems.count <= 64, let (stem, number) = Self.place(own.key) else { return [] }
        var found: [(Entry, Double)] = []
        for (step, shares) in [(-1, [0.5, 0.25, 0.125]), (1, [0.25, 0.125])] {
            for (distance, share) in shares.enumerated() {
                let standing = entries.filter {
                    guard let place = Self.place($0.key) else { return false }
                    return place == (stem, number + step * (distance + 1))
                }
                // Of several that are spelt so, the first by its bytes.
                guard let other = standing.min(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) else {
                    break
                }
                found.append((other, share))
            }
        }
        return found
    }

    func rank(_ question: Question, in filter: TopicFilter) -> [Hit] {
        let held = question.terms.map { term in units.map { occurrences(term, $0) } }
        let holding = held.map { $0.count { $0.body > 0 || $0.isName } }
        let rows = units.indices.filter { unit in
            filter.matches(Key(unchecked: entries[units[unit].record].key))
                && held.contains { $0[unit].body > 0 || $0[unit].isName }
        }
        let around = rows.map { neighbours(of: units[$0]) }
        let lengths = zip(rows, around).map { row, around in
            Double(units[row].stems.count)
                + around.reduce(0) { sum, other in
                    sum + 2 * other.share * Double(other.entry.units.reduce(0) { $0 + units[$1].stems.count })
                }
        }
        let sum = lengths.reduce(0, +)
        let average = sum == 0 ? 1 : sum / Double(rows.count)
        var best: [Int: Hit] = [:]
        for (place, row) in rows.enumerated() {
            var words = 0.0
            for (term, held) in held.enumerated() {
                var frequency = held[row].body + (held[row].isName ? 0.5 : 0)
                if !question.terms[term].isOfField {
                    for other in around[place] {
                        frequency += other.share * other.entry.units.reduce(0) { $0 + held[$1].body }
                    }
                }
                let weight = log(1 + (Double(units.count - holding[term]) + 0.5) / (Double(holding[term]) + 0.5))
                let norm = 1.2 * (0.25 + 0.75 * lengths[place] / average)
                if frequency > 0 { words += weight * frequency * 2.2 / (frequency + norm) }
            }
            let unit = units[row]
            if let other = best[unit.record], other.words >= words { continue }
            best[unit.record] = Hit(key: entries[unit.record].key, score: 0, words: words, passage: unit.number)
        }
        return Self.scored(Array(best.values))
    }

    private static func scored(_ hits: [Hit]) -> [Hit] {
        let top = hits.map(\.words).max() ?? 1
        return hits.map { hit in
            var hit = hit
            hit.score = (hit.words / (top == 0 ? 1 : top) * 10_000).rounded(.toNearestOrEven) / 10_000
            return hit
        }.sorted { ($0.score, $1.key) > ($1.score, $0.key) }
    }
}

extension Question.Term {
    var isOfField: Bool { if case .field = self { true } else { false } }
}
