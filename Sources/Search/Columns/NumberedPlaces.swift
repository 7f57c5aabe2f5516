// Keys that end in a number stand in runs: `talk/s1/D1:11` before `talk/s1/D1:12`. A slot is a (stem, number); what stands in it are
// the keys that are spelt so (`D1:1`, `D1:01`), in the order of their bytes; the first of them that a state shows is the slot's.

struct NumberedPlaces {
    private var stems = TermTable()
    private struct Slot: Hashable {
        var stem: UInt32
        var number: Int64
    }
    private var slots: [Slot: UInt32] = [:]
    /// Of each slot: the slots before and behind it, and its keys.
    private var before: [UInt32] = []
    private var behind: [UInt32] = []
    private var firstKey: [UInt32] = []
    /// Where several are spelt so: all of them.
    private var doubles: [UInt32: [UInt32]] = [:]
    /// Of each key: its slot.
    private var slotOfKey: [UInt32] = []

    static let none = UInt32.max

    /// - Parameter precedes: whether a key stands before another.
    mutating func add(_ key: UInt32, named text: String, precedes: (UInt32, UInt32) -> Bool) {
        precondition(Int(key) == slotOfKey.count, "keys are numbered as they come")
        guard let (stem, number) = Self.place(of: text) else {
            slotOfKey.append(Self.none)
            return
        }
        let stemNumber = stem.withUnsafeBufferPointer { UInt32(stems.number(of: $0)) }
        let slot = slot(Slot(stem: stemNumber, number: number))
        slotOfKey.append(slot)
        guard firstKey[Int(slot)] != Self.none else {
            firstKey[Int(slot)] = key
            return
        }
        var keys = doubles[slot] ?? [firstKey[Int(slot)]]
        keys.insert(key, at: keys.firstIndex { precedes(key, $0) } ?? keys.endIndex)
        doubles[slot] = keys
        firstKey[Int(slot)] = keys[0]
    }

    private mutating func slot(_ slot: Slot) -> UInt32 {
        if let known = slots[slot] { return known }
        let new = UInt32(firstKey.count)
        slots[slot] = new
        firstKey.append(Self.none)
        let last = slots[Slot(stem: slot.stem, number: slot.number - 1)] ?? Self.none
        let next = slots[Slot(stem: slot.stem, number: slot.number + 1)] ?? Self.none
        before.append(last)
        behind.append(next)
        if last != Self.none { behind[Int(last)] = new }
        if next != Self.none { before[Int(next)] = new }
        return new
    }

    /// `talk/s1/D1:12` is (`talk/s1/D1:`, 12); of more than 18 digits the last 18 count.
    static func place(of key: String) -> (stem: [UInt8], number: Int64)? {
        let bytes = Array(key.utf8)
        var start = bytes.count
        while start > 0, bytes.count - start < 18, bytes[start - 1] >= 0x30, bytes[start - 1] <= 0x39 { start -= 1 }
        guard start < bytes.count else { return nil }
        return (Array(bytes[..<start]), bytes[start...].reduce(0) { $0 * 10 + Int64($1 - 0x30) })
    }

    /// Calls `body` with the version of each neighbour and its share, nearest first, each way to where the run breaks.
    /// - Parameter shown: of each key, the version that is shown, and 1; 0: none is.
    @inline(__always)
    func neighbours(
        of key: UInt32, shown: UnsafeBufferPointer<UInt32>, _ body: (_ version: UInt32, _ share: Double) -> Void
    ) {
        let own = slotOfKey[Int(key)]
        if own == Self.none { return }
        var slot = own
        for share in Self.sharesBefore {
            slot = before[Int(slot)]
            guard slot != Self.none, let version = version(in: slot, shown) else { break }
            body(version, share)
        }
        slot = own
        for share in Self.sharesBehind {
            slot = behind[Int(slot)]
            guard slot != Self.none, let version = version(in: slot, shown) else { break }
            body(version, share)
        }
    }

    @inline(__always)
    private func version(in slot: UInt32, _ shown: UnsafeBufferPointer<UInt32>) -> UInt32? {
        let first = Int(firstKey[Int(slot)])
        // A state of the past knows no keys that came after it.
        if first < shown.count, shown[first] != 0 { return shown[first] - 1 }
        if doubles.isEmpty { return nil }
        for key in doubles[slot] ?? [] where Int(key) < shown.count && shown[Int(key)] != 0 {
            return shown[Int(key)] - 1
        }
        return nil
    }

    private static let sharesBefore = [0.5, 0.25, 0.125]
    private static let sharesBehind = [0.25, 0.125]
}
