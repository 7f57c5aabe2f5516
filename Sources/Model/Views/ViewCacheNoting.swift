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

/// Notes that wait to be drained. Bounded.
struct ReadNotes: Sendable {
    let limit: Int
    private(set) var waiting: [ReadNote] = []

    /// - Returns: whether there was room.
    mutating func add(_ note: ReadNote) -> Bool {
        guard waiting.count < limit else { return false }
        waiting.append(note)
        return true
    }
    mutating func drain() -> [ReadNote] {
        defer { waiting = [] }
        return waiting
    }
}

extension ViewCache {
    package var pendingNotes: [ReadNote] { notes.waiting }
    package mutating func drainNotes() -> [ReadNote] { notes.drain() }

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
    package mutating func noteFetched(_ key: Key, version: Revision, context: UInt32) {
        guard context != 0 else { return }
        guard let slot = find(key.text), slots[slot].entry.record?.revision == version else {
            _ = notes.add(ReadNote(context: context, key: key, version: version, cut: cut?.revision ?? 0))
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
