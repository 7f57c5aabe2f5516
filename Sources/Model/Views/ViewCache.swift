// The records of a view, as of its cut. The driver applies the view's outputs to it under a mutex, readers
// read it under the same mutex: a read is a hash of the key's bytes, one comparison and one retain.
//
// Records are in slots; a key keeps its slot while it has something to say or somebody holds a handle to it
// (a handle is a slot's number). A slot's entry:
//
//   present(record)     the version at the cut, with its value
//   announced(record)   the version at the cut; its value is too large, over the cap, or travels only on demand
//   absent              known to have no record at the cut
//   unknown             nothing is known: never asked for, evicted, or void. Evicted is not deleted
//
// In an update stream everything is known: a key without a slot has no record, if the filter matches it. In
// an invalidate stream the cache is bounded and filled on demand; a key without a slot is unknown.
//
// Invariants:
//   1. Every entry that is known is the state at `cut`, whatever was evicted, filled or stripped.
//   2. A fill is kept only if no change of its key, no snapshot and no reset came since it was asked for, and
//      if it is as of a revision between the cut then and the cut now (ViewCacheFilling).
//   3. `bytes` is the footprint of all slots; it is over the capacity only if keys and metadata alone are, which
//      is reported (ViewCacheCapacity).

/// The local copy of a stream's records. Not copyable, so that no write ever copies it by accident.
@usableFromInline
package struct ViewCache: ~Copyable, Sendable {
    /// What a read finds.
    @usableFromInline
    package enum Hit: Sendable {
        case record(Record)
        /// There is this version, but its value is to be fetched: by its key and revision (in an invalidate
        /// stream as of the cut), with a ticket of ``beginFill(_:)``.
        case announced(Record)
        case absent
        /// Not known here: fetch it as of the cut.
        case miss
        /// Not a key of this view: not matched by its filter, or no key at all.
        case outside
    }

    @usableFromInline
    enum Entry: Sendable {
        case unknown
        case absent
        case present(Record)
        case announced(Record)

        var record: Record? {
            switch self {
            case .present(let record), .announced(let record): record
            case .unknown, .absent: nil
            }
        }
    }

    @usableFromInline
    struct Slot: Sendable {
        var key: Key
        @usableFromInline var entry: Entry
        /// The last context that read this entry; 0: none.
        @usableFromInline var noted: UInt32 = 0
        /// Read since the eviction's hand passed. New entries are not: what is read twice stays, what is only
        /// filled goes first.
        @usableFromInline var isReferenced = false
        /// Handles and fills under way: while there are any, the slot stays.
        var holders: UInt32 = 0
        /// When the key last changed, in counts of ``ViewCache/changes``.
        var changed: UInt64 = 0
    }

    package let mode: StreamMode
    package let filter: TopicFilter
    package let capacity: Int
    package internal(set) var cut: Position?
    /// The footprint of what is held.
    package internal(set) var bytes = 0
    /// Keys with a record.
    package internal(set) var count = 0
    /// How much the cap has cost so far: values turned into announced ones, entries forgotten.
    package internal(set) var stripped = 0
    package internal(set) var evicted = 0

    var index: KeyIndex
    @usableFromInline var slots: ContiguousArray<Slot> = []
    var free: [Int] = []
    /// Counts calls that changed something: orders changes and fills.
    var changes: UInt64 = 0
    /// Fills asked for before this count are void.
    var voidedAt: UInt64 = 0
    var hand = 0
    var notes: ReadNotes
    var feeds: [Int: ChangeFeed] = [:]
    var nextFeed = 0

    /// - Parameters:
    ///   - capacity: in bytes of ``Record/footprint``.
    ///   - hashSeed: random, if keys may come from somebody who wants them to collide.
    ///   - mostNotes: reads noted but not drained; beyond that a read is counted, and noted when it happens again.
    package init(
        mode: StreamMode, filter: TopicFilter, capacity: Int, hashSeed: UInt64 = 0x9E37_79B9_7F4A_7C15,
        mostNotes: Int = 1 << 16
    ) {
        self.mode = mode
        self.filter = filter
        self.capacity = capacity
        index = KeyIndex(seed: hashSeed)
        notes = ReadNotes(limit: mostNotes)
    }

    // MARK: reading

    /// The hot path. `context`: the number of the context that reads; 0 notes nothing.
    @inline(__always)
    package mutating func lookup(_ text: String, context: UInt32 = 0) -> Hit {
        guard let slot = find(text) else { return withoutSlot(text) }
        return read(slot: slot, context: context)
    }

    /// By the bytes of a key, for whoever has no `String` of it; `nil`: no slot has it, so that the key's text tells what
    /// is known.
    @inline(__always)
    package mutating func lookup(bytes: UnsafeBufferPointer<UInt8>, context: UInt32 = 0) -> Hit? {
        let found = index.find(bytes: bytes) { slot, bytes in slots[slot].key.text.hasBytes(bytes) }
        return found.map { read(slot: $0, context: context) }
    }

    /// By handle: a slot that ``slot(for:)`` gave. Inlined into other modules too: a call costs a tenth of it.
    @inlinable
    @inline(__always)
    package mutating func read(slot: Int, context: UInt32 = 0) -> Hit {
        switch slots[slot].entry {
        case .present(let record):
            if !slots[slot].isReferenced { slots[slot].isReferenced = true }
            if context != slots[slot].noted { note(slot, version: record.revision, context: context) }
            return .record(record)
        case .announced(let record): return .announced(record)
        case .absent:
            if context != slots[slot].noted { note(slot, version: 0, context: context) }
            return .absent
        case .unknown: return .miss
        }
    }

    /// What several keys have at the cut, taken at once; what is missing is to be fetched as of that cut.
    package mutating func take(_ keys: [Key], context: UInt32 = 0) -> Taken {
        var taken = Taken(cut: cut, hits: [], missing: [])
        taken.hits.reserveCapacity(keys.count)
        for key in keys {
            let hit = lookup(key.text, context: context)
            switch hit {
            case .miss, .announced: taken.missing.append(key)
            case .record, .absent, .outside: break
            }
            taken.hits.append(hit)
        }
        return taken
    }

    package struct Taken: Sendable {
        package var cut: Position?
        /// In the order of the keys.
        package var hits: [Hit]
        /// Keys whose value is not here.
        package var missing: [Key]
    }

    /// A handle to the key, valid as long as the cache. The key's slot stays, whatever happens to its record.
    package mutating func slot(for key: Key) -> Int {
        let slot = find(key.text) ?? makeSlot(key)
        slots[slot].holders += 1
        return slot
    }

    /// Lets a handle go.
    package mutating func release(slot: Int) {
        slots[slot].holders -= 1
        freeIfIdle(slot)
    }

    private func withoutSlot(_ text: String) -> Hit {
        guard let key = try? Key(text), filter.matches(key) else { return .outside }
        return mode == .update && cut != nil ? .absent : .miss
    }

    // MARK: slots

    @inline(__always)
    func find(_ text: String) -> Int? {
        index.find(text) { slot, bytes in slots[slot].key.text.hasBytes(bytes) }
    }

    /// What a key without news has: in an update stream everything is known.
    var unheardOf: Entry { mode == .update && cut != nil ? .absent : .unknown }

    mutating func makeSlot(_ key: Key) -> Int {
        let new = Slot(key: key, entry: unheardOf)
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            slots[slot] = new
        } else {
            slot = slots.count
            slots.append(new)
        }
        index.insert(key.text, slot: slot)
        bytes += Self.slotFootprint(key)
        return slot
    }

    /// A slot goes when it says nothing that its absence would not say.
    mutating func freeIfIdle(_ slot: Int) {
        guard slots[slot].holders == 0 else { return }
        switch (slots[slot].entry, mode) {
        case (.unknown, _), (.absent, .update): break
        default: return
        }
        let key = slots[slot].key
        index.remove(key.text, slot: slot)
        bytes -= Self.slotFootprint(key)
        slots[slot] = Slot(key: Key(unchecked: ""), entry: .unknown)
        free.append(slot)
    }

    static func slotFootprint(_ key: Key) -> Int { MemoryLayout<Slot>.stride + 16 + key.text.utf8.count }
}
