/// Slots in the order in which they last changed: a doubly linked list in two arrays, so that a change moves
/// its slot to the front in constant time and memory stays that of the slots.
struct RecencyList: Sendable {
    private static let none = -1
    private var newer: [Int] = []
    private var older: [Int] = []
    private var head = none
    private var tail = none

    var newest: Int? { head == Self.none ? nil : head }
    func older(than slot: Int) -> Int? { older[slot] == Self.none ? nil : older[slot] }

    private func contains(_ slot: Int) -> Bool { slot < newer.count && (head == slot || newer[slot] != Self.none) }

    /// Inserts the slot, or moves it to the front.
    mutating func makeNewest(_ slot: Int) {
        if head == slot { return }
        remove(slot)
        while newer.count <= slot {
            newer.append(Self.none)
            older.append(Self.none)
        }
        older[slot] = head
        if head == Self.none { tail = slot } else { newer[head] = slot }
        head = slot
    }

    mutating func remove(_ slot: Int) {
        guard contains(slot) else { return }
        if head == slot { head = older[slot] } else { older[newer[slot]] = older[slot] }
        if tail == slot { tail = newer[slot] } else { newer[older[slot]] = newer[slot] }
        newer[slot] = Self.none
        older[slot] = Self.none
    }
}
