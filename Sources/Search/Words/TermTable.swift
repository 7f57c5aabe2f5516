import Glibc

/// Terms by number: each is kept once, in the order in which it came. Its memory is its own, so that a look-up costs no more than its
/// bytes. Used by one thread at a time.
final class TermTable {
    private struct Entry {
        var start: UInt32
        var length: UInt32
        var hash: UInt32
    }

    private var bytes = Room<UInt8>(1 << 14)
    private var entries = Room<Entry>(1 << 10)
    /// Open addressing: a term's number and 1; 0: free.
    private var slots = [UInt32](repeating: 0, count: 1 << 11)

    var count: Int { entries.count }
    /// That it occupies.
    var footprint: Int { bytes.footprint + entries.footprint + 4 * slots.count }

    func term(_ number: Int) -> [UInt8] { withTerm(number) { Array($0) } }

    @inline(__always)
    func withTerm<T>(_ number: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> T) rethrows -> T {
        let entry = entries.base[number]
        return try body(UnsafeBufferPointer(start: bytes.base + Int(entry.start), count: Int(entry.length)))
    }

    /// By their bytes.
    func precedes(_ a: Int, _ b: Int) -> Bool {
        let (x, y) = (entries.base[a], entries.base[b])
        let order = memcmp(bytes.base + Int(x.start), bytes.base + Int(y.start), Int(min(x.length, y.length)))
        return order != 0 ? order < 0 : x.length < y.length
    }

    /// `nil`: it is not here.
    func find(_ term: UnsafeBufferPointer<UInt8>) -> Int? {
        let number = slots[place(of: term, Self.hash(term))]
        return number == 0 ? nil : Int(number) - 1
    }

    /// Its number, which is new if the term is.
    func number(of term: UnsafeBufferPointer<UInt8>) -> Int {
        let hash = Self.hash(term)
        let slot = place(of: term, hash)
        if slots[slot] != 0 { return Int(slots[slot]) - 1 }
        entries.append(Entry(start: UInt32(bytes.count), length: UInt32(term.count), hash: hash))
        bytes.append(contentsOf: term)
        slots[slot] = UInt32(entries.count)
        if entries.count * 2 > slots.count { grow() }
        return entries.count - 1
    }

    @inline(__always)
    private func place(of term: UnsafeBufferPointer<UInt8>, _ hash: UInt32) -> Int {
        slots.withUnsafeBufferPointer { slots in
            let mask = slots.count - 1
            var slot = Int(hash) & mask
            while slots[slot] != 0 {
                let entry = entries.base[Int(slots[slot]) - 1]
                if entry.hash == hash, Int(entry.length) == term.count, isSame(entry, term) { return slot }
                slot = (slot + 1) & mask
            }
            return slot
        }
    }

    @inline(__always)
    private func isSame(_ entry: Entry, _ term: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let start = term.baseAddress else { return true }
        return memcmp(bytes.base + Int(entry.start), start, term.count) == 0
    }

    private func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for number in 0..<entries.count {
            var slot = Int(entries.base[number].hash) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number + 1)
        }
    }

    /// Eight bytes at a time.
    @inline(__always)
    private static func hash(_ term: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash = UInt64(term.count) &* 0x9E37_79B9_7F4A_7C15
        let raw = UnsafeRawBufferPointer(term)
        var place = 0
        while place + 8 <= raw.count {
            hash = (hash ^ raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)) &* 0xFF51_AFD7_ED55_8CCD
            hash ^= hash >> 32
            place += 8
        }
        var rest: UInt64 = 0
        while place < raw.count {
            rest = rest << 8 | UInt64(raw[place])
            place += 1
        }
        hash = (hash ^ rest) &* 0xC4CE_B9FE_1A85_EC53
        return UInt32(truncatingIfNeeded: hash ^ hash >> 29)
    }
}
