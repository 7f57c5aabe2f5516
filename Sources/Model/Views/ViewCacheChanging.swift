// What the view's outputs do to the cache. Everything of one output happens within one call, so that whoever
// holds the mutex never sees half of it.

extension ViewCache {
    /// Whether what is held fits.
    package enum Room: Hashable, Sendable {
        case enough
        /// Keys and metadata alone need so many bytes.
        case overCapacity(needed: Int)
    }

    /// One commit's records, deletions included.
    @discardableResult
    package mutating func apply(_ records: [Record], to position: Position) -> Room {
        move(to: position)
        for record in records { change(record) }
        return makeRoom()
    }

    /// The changes of a pull, in order.
    @discardableResult
    package mutating func catchUp(_ records: [Record], to position: Position) -> Room {
        apply(records, to: position)
    }

    /// Nothing changed up to here.
    package mutating func advance(to position: Position) { move(to: position) }

    /// A whole new state. In an invalidate stream: nothing of what is held counts any more.
    @discardableResult
    package mutating func install(_ records: [Record], at position: Position) -> Room {
        move(to: position)
        voidedAt = changes
        if mode == .invalidate {
            voidAll()
            return .enough
        }
        for record in records { change(record) }
        for slot in slots.indices where slots[slot].changed != changes { vanish(slot) }
        return makeRoom()
    }

    /// The history is another one: nothing is known any more.
    package mutating func reset() {
        changes += 1
        voidedAt = changes
        cut = nil
        voidAll()
    }

    /// A warm start: the state as a file had it.
    @discardableResult
    package mutating func load(_ records: [Record], at position: Position) -> Room {
        precondition(cut == nil && count == 0, "a warm start is the first thing that happens to a cache")
        return install(records, at: position)
    }

    private mutating func move(to position: Position) {
        precondition(
            position.revision > cut?.revision ?? -1, "a cut never goes back: \(cut?.revision ?? -1) to \(position)")
        cut = position
        changes += 1
    }

    /// A key that a snapshot did not name has no record.
    private mutating func vanish(_ slot: Int) {
        if slots[slot].entry.record != nil { tell(slots[slot].key, cut?.revision ?? 0, isDeleted: true) }
        slots[slot].changed = changes
        guard !slots[slot].key.text.isEmpty else { return }
        set(slot, to: .absent)
    }

    private mutating func voidAll() {
        for slot in slots.indices where !slots[slot].key.text.isEmpty {
            slots[slot].changed = changes
            set(slot, to: .unknown)
        }
        for id in feeds.keys { feeds[id]?.void() }
    }

    /// A key's newest version, as an event or pull brought it.
    private mutating func change(_ record: Record) {
        let found = find(record.key.text)
        guard let slot = found ?? slotWorthMaking(for: record) else {
            return tell(record.key, record.revision, isDeleted: record.isDeleted)
        }
        slots[slot].changed = changes
        let old = slots[slot].entry.record
        if let old, old.revision > record.revision { return }
        // A snapshot names what was known before, too: that is no change, and a value fetched since stays.
        if let old, old.revision == record.revision, old.ordinal == record.ordinal, !record.isDeleted {
            if old.value == nil, record.value != nil { set(slot, to: .present(record)) }
            return
        }
        tell(record.key, record.revision, isDeleted: record.isDeleted)
        set(slot, to: entry(for: record))
    }

    /// In an invalidate stream keys that nobody asked for take no memory; nor do deletions in an update one.
    private mutating func slotWorthMaking(for record: Record) -> Int? {
        mode == .update && !record.isDeleted ? makeSlot(record.key) : nil
    }

    func entry(for record: Record) -> Entry {
        if record.isDeleted { return .absent }
        return record.value == nil ? .announced(record) : .present(record)
    }

    /// The only place where entries change: keeps bytes and count, and forgets who read the old version.
    mutating func set(_ slot: Int, to entry: Entry) {
        let old = slots[slot].entry.record
        let new = entry.record
        bytes += (new?.footprint ?? 0) - (old?.footprint ?? 0)
        count += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        // The same version with or without its value was read by whoever read it before.
        if old?.revision != new?.revision || new == nil { slots[slot].noted = 0 }
        slots[slot].entry = entry
        freeIfIdle(slot)
    }
}
