// Amounts by name, in bounded memory, and yet a function of the state alone.
//
// Names have an order of their own (`place`, a hash of their bytes). All names that are in use up to an edge are kept,
// with what they hold; those beyond it are not. The first `mostNames` in this order are told, the others only as a sum.
// Which are kept depends on what came before; which are told does not:
//
//   - no more than 3 × `mostNames` are kept: when there would be more, the edge is drawn behind the first
//     2 × `mostNames`
//   - while at least `mostNames` are kept, or no edge was ever drawn, the first `mostNames` in use are among them
//   - when fewer are left, what lies beyond the edge is needed: the tally is short, and counts the whole state anew
//
// Since names are ordered by hash, what comes and goes does so on both sides of the edge alike: the tally gets short
// only when about half of all names in use have gone since the edge was drawn, so that counting anew costs no more than
// their deletions did.

package struct Tally: Sendable {
    package typealias Amount = MemoryCounts.Amount

    private let mostNames: Int
    private var kept: [Name: Amount] = [:]
    private var edge: Name?

    /// A name by its bytes: texts that are equal to people, but not to a computer, are different names.
    private struct Name: Hashable, Comparable, Sendable {
        let text: String
        let place: UInt64

        init(_ text: String) {
            self.text = text
            // FNV-1a, then mixed so that the order takes all bits into account.
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            hash = (hash ^ hash >> 33) &* 0xFF51_AFD7_ED55_8CCD
            place = hash ^ hash >> 33
        }

        static func == (a: Name, b: Name) -> Bool { a.place == b.place && a.text.utf8.elementsEqual(b.text.utf8) }
        static func < (a: Name, b: Name) -> Bool {
            a.place == b.place ? a.text.utf8.lexicographicallyPrecedes(b.text.utf8) : a.place < b.place
        }
        func hash(into hasher: inout Hasher) { hasher.combine(place) }
    }

    package init(mostNames: Int) { self.mostNames = max(1, mostNames) }

    package var isShort: Bool { edge != nil && kept.count < mostNames }

    package mutating func add(_ amount: Amount, to text: String) { change(Name(text), by: amount) }
    package mutating func remove(_ amount: Amount, from text: String) {
        change(Name(text), by: Amount(records: -amount.records, bytes: -amount.bytes))
    }

    private mutating func change(_ name: Name, by difference: Amount) {
        if let edge, edge < name { return }
        let amount = kept[name, default: Amount()] + difference
        kept[name] = amount.records == 0 ? nil : amount
        if kept.count > 3 * mostNames { drawEdge() }
    }

    private mutating func drawEdge() {
        let names = kept.keys.sorted()
        edge = names[2 * mostNames - 1]
        for name in names[(2 * mostNames)...] { kept[name] = nil }
    }

    /// - Parameter all: of all names together, those that are not kept included.
    package func told(of all: Amount) -> MemoryCounts.Groups {
        var told = Array(kept)
        if told.count > mostNames { told = Array(told.sorted { $0.key < $1.key }.prefix(mostNames)) }
        let largest = told.map { MemoryCounts.Group(name: $0.key.text, amount: $0.value) }.sorted(by: comesFirst)
            .prefix(MemoryCounts.Groups.mostLargest)
        return MemoryCounts.Groups(
            largest: Array(largest), others: largest.reduce(all) { $0 - $1.amount }, names: told.count,
            mostNames: mostNames)
    }

    private func comesFirst(_ a: MemoryCounts.Group, _ b: MemoryCounts.Group) -> Bool {
        a.amount.bytes == b.amount.bytes
            ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8) : a.amount.bytes > b.amount.bytes
    }
}

extension MemoryCounts.Amount {
    package static func + (a: Self, b: Self) -> Self { Self(records: a.records + b.records, bytes: a.bytes + b.bytes) }
    package static func - (a: Self, b: Self) -> Self { Self(records: a.records - b.records, bytes: a.bytes - b.bytes) }
}
