import FoundationEssentials
import Glibc

/// Finds the slot of a key by the bytes of its text: what a cached read spends its time on.
///
/// Open addressing with linear probing; a cell holds 32 bits of the hash and the slot, so that a look-up
/// touches one cache line here and compares one key. A `Dictionary` keyed by `String` takes three times as
/// long and, worse, takes canonically equivalent spellings for one key.
struct KeyIndex: Sendable {
    /// Hash bits above, slot + 1 below; 0 is empty. The hash bits name the cell where probing starts.
    private var cells: ContiguousArray<UInt64>
    private var mask: Int
    private(set) var count = 0
    private let seed: UInt64

    init(seed: UInt64) {
        cells = ContiguousArray(repeating: 0, count: 16)
        mask = 15
        self.seed = seed
    }

    @inline(__always)
    func find(_ text: String, where matches: (Int, UnsafeBufferPointer<UInt8>) -> Bool) -> Int? {
        let found: Int? =
            text.utf8.withContiguousStorageIfAvailable { find($0, where: matches) }
            ?? find(Array(text.utf8), where: matches)
        return found
    }

    @inline(__always)
    func find(
        bytes: UnsafeBufferPointer<UInt8>, where matches: (Int, UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Int? { find(bytes, where: matches) }

    private func find(_ bytes: [UInt8], where matches: (Int, UnsafeBufferPointer<UInt8>) -> Bool) -> Int? {
        bytes.withUnsafeBufferPointer { find($0, where: matches) }
    }

    @inline(__always)
    private func find(
        _ bytes: UnsafeBufferPointer<UInt8>, where matches: (Int, UnsafeBufferPointer<UInt8>) -> Bool
    ) -> Int? {
        let tag = Self.tag(bytes, seed: seed)
        var place = Int(tag) & mask
        while true {
            let cell = cells[place]
            if cell == 0 { return nil }
            if cell >> 32 == tag {
                let slot = Int(cell & 0xFFFF_FFFF) - 1
                if matches(slot, bytes) { return slot }
            }
            place = (place + 1) & mask
        }
    }

    /// - Precondition: the key is not in the index.
    mutating func insert(_ text: String, slot: Int) {
        if (count + 1) * 2 > cells.count { grow() }
        place(Self.tag(text, seed: seed) << 32 | UInt64(slot + 1))
        count += 1
    }

    /// - Precondition: the key is in the index under this slot.
    mutating func remove(_ text: String, slot: Int) {
        let cell = Self.tag(text, seed: seed) << 32 | UInt64(slot + 1)
        var hole = home(of: cell)
        while cells[hole] != cell { hole = (hole + 1) & mask }
        cells[hole] = 0
        count -= 1
        close(hole)
    }

    /// Moves what probed past the hole back, so that probing never needs tombstones.
    private mutating func close(_ start: Int) {
        var hole = start
        var place = (hole + 1) & mask
        while cells[place] != 0 {
            let distance = (place - home(of: cells[place])) & mask
            if distance >= (place - hole) & mask {
                cells[hole] = cells[place]
                cells[place] = 0
                hole = place
            }
            place = (place + 1) & mask
        }
    }

    private mutating func grow() {
        let old = cells
        cells = ContiguousArray(repeating: 0, count: old.count * 2)
        mask = cells.count - 1
        for cell in old where cell != 0 { place(cell) }
    }

    private mutating func place(_ cell: UInt64) {
        var place = home(of: cell)
        while cells[place] != 0 { place = (place + 1) & mask }
        cells[place] = cell
    }

    private func home(of cell: UInt64) -> Int { Int(cell >> 32) & mask }

    // MARK: hashing

    private static func tag(_ text: String, seed: UInt64) -> UInt64 {
        var text = text
        return text.withUTF8 { tag($0, seed: seed) }
    }

    /// 32 bits of a multiply-and-fold hash over words of 8 bytes, the last one overlapping.
    @inline(__always)
    private static func tag(_ bytes: UnsafeBufferPointer<UInt8>, seed: UInt64) -> UInt64 {
        let raw = UnsafeRawBufferPointer(bytes)
        let count = raw.count
        var hash = fold(seed ^ UInt64(truncatingIfNeeded: count), 0xA076_1D64_78BD_642F)
        var offset = 0
        while offset + 8 <= count {
            hash = fold(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self), 0xE703_7ED1_A0B4_28DB)
            offset += 8
        }
        if offset < count { hash = fold(hash ^ tail(raw, from: offset), 0x8EBC_6AF0_9C88_C6E3) }
        return fold(hash, 0x5899_65CC_7537_4CC3) >> 32
    }

    @inline(__always)
    private static func tail(_ raw: UnsafeRawBufferPointer, from offset: Int) -> UInt64 {
        if raw.count >= 8 { return raw.loadUnaligned(fromByteOffset: raw.count - 8, as: UInt64.self) }
        var word: UInt64 = 0
        for index in offset..<raw.count { word = word << 8 | UInt64(raw[index]) }
        return word
    }

    @inline(__always)
    private static func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}

extension String {
    /// Byte by byte: `==` would take canonically equivalent spellings for equal.
    @inline(__always)
    func hasBytes(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let same: Bool? = utf8.withContiguousStorageIfAvailable { own in
            guard own.count == bytes.count else { return false }
            guard let a = own.baseAddress, let b = bytes.baseAddress else { return true }
            return memcmp(a, b, own.count) == 0
        }
        return same ?? utf8.elementsEqual(bytes)
    }
}
