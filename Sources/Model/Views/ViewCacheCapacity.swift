// The cap. An update stream's keys must all stay: values turn into announced ones, the largest first, the older
// first among equals, so that the same history strips the same values everywhere. An invalidate stream evicts
// entries, those that were not read since the hand last passed.

extension ViewCache {
    mutating func makeRoom() -> Room {
        guard bytes > capacity else { return .enough }
        if mode == .update { strip() } else { evict() }
        return bytes <= capacity ? .enough : .overCapacity(needed: bytes)
    }

    /// Down to seven eighths, so that the next value does not cause the next search.
    private mutating func strip() {
        var values: [(size: Int, slot: Int, record: Record)] = []
        for slot in slots.indices {
            if case .present(let record) = slots[slot].entry, record.size > 0 {
                values.append((record.size, slot, record))
            }
        }
        values.sort {
            $0.size != $1.size
                ? $0.size > $1.size
                : $0.record.revision != $1.record.revision
                    ? $0.record.revision < $1.record.revision : $0.record.key < $1.record.key
        }
        let goal = capacity / 8 * 7
        for value in values where bytes > goal {
            set(value.slot, to: .announced(value.record.announced))
            stripped += 1
        }
    }

    /// The hand goes round at most twice: the first time it may only take marks away. What has a handle loses
    /// its value but keeps its slot.
    private mutating func evict() {
        for _ in 0..<(2 * slots.count) where bytes > capacity {
            hand = hand + 1 < slots.count ? hand + 1 : 0
            pass(hand)
        }
    }

    private mutating func pass(_ slot: Int) {
        if case .unknown = slots[slot].entry { return }
        if slots[slot].isReferenced {
            slots[slot].isReferenced = false
        } else {
            set(slot, to: .unknown)
            evicted += 1
        }
    }
}
