/// One context's first read of one version: what the store is told in the next batch.
package struct ReadNote: Hashable, Sendable {
    package var context: UInt32
    package var key: Key
    /// 0: there was no record.
    package var version: Revision
    /// The state in which there was none; else 0.
    package var cut: Revision
    package init(context: UInt32, key: Key, version: Revision, cut: Revision = 0) {
        self.context = context
        self.key = key
        self.version = version
        self.cut = version == 0 ? cut : 0
    }
}

/// Notes that wait to be drained. Bounded: what is beyond is counted.
struct ReadNotes: Sendable {
    let limit: Int
    private(set) var waiting: [ReadNote] = []
    private(set) var dropped = 0

    /// - Returns: whether there was room.
    @discardableResult
    mutating func add(_ note: ReadNote) -> Bool {
        guard waiting.count < limit else {
            dropped += 1
            return false
        }
        waiting.append(note)
        return true
    }
    mutating func drain() -> (notes: [ReadNote], dropped: Int) {
        defer { (waiting, dropped) = ([], 0) }
        return (waiting, dropped)
    }
}

extension ViewCache {
    package var pendingNotes: [ReadNote] { notes.waiting }
    /// - Returns: `dropped`: so many more there was no room for.
    package mutating func drainNotes() -> (notes: [ReadNote], dropped: Int) { notes.drain() }

    /// The way of a read in another context than the last one. Without room the slot is left as it is, so
    /// that the next read tries again.
    @inline(never)
    @usableFromInline
    mutating func note(_ slot: Int, version: Revision, context: UInt32) {
        guard context != 0 else { return }
        if notes.add(ReadNote(context: context, key: slots[slot].key, version: version, cut: cut?.revision ?? 0)) {
            slots[slot].noted = context
        }
    }

    /// For a value that a reader got from the broker instead of from here.
    /// - Parameter state: which it was asked for of, if not the present one.
    package mutating func noteFetched(_ key: Key, version: Revision, at state: Revision? = nil, context: UInt32) {
        guard context != 0 else { return }
        guard let slot = find(key.text), slots[slot].entry.record?.revision == version else {
            let cut = state ?? cut?.revision ?? 0
            notes.add(ReadNote(context: context, key: key, version: version, cut: cut))
            return
        }
        if slots[slot].noted != context { note(slot, version: version, context: context) }
    }

    /// Of a key that has no slot, since it has no record. Who tells it only once is its owner.
    /// - Returns: whether there was room.
    package mutating func noteAbsent(_ key: Key, context: UInt32) -> Bool {
        notes.add(ReadNote(context: context, key: key, version: 0, cut: cut?.revision ?? 0))
    }
}
