// What C calls an object is a number, which this table knows or does not.
//
//   63…56 kind   55…32 generation   31…0 place of its slot
//
// Invariants:
//   1. A number names one object for as long as the process lives: a slot that is used again has another generation.
//   2. Whoever uses an object pins its slot meanwhile; it is let go of when it was freed and nobody pins it any more. So a
//      read needs two atomic operations and no lock, and no call ever meets an object that is gone.
//   3. Slots are never moved or given back, so that any number can be looked up at any time.
//   4. After a fork the child knows where its own slots begin; those below are its parent's, and never touched again.

import DequeModule
import Glibc
import Synchronization

/// What a number may be of.
enum ObjectKind: UInt8, Sendable, CaseIterable {
    case memory = 1
    case view, handle, transaction, list, watch, call, changes, error

    var words: String {
        switch self {
        case .memory: "memory"
        case .view: "view"
        case .handle: "handle"
        case .transaction: "transaction"
        case .list: "list"
        case .watch: "watch"
        case .call: "call"
        case .changes: "view's changes"
        case .error: "error"
        }
    }
}

struct ObjectTable: ~Copyable, Sendable {
    struct Slot: ~Copyable {
        /// Kind and generation above, 0 while it is free; then whether it was freed; then how many pin it.
        let state = Atomic<UInt64>(0)
        /// Written while the slot is free, read while it is pinned.
        var object: Unmanaged<AnyObject>?
        var generation: UInt32 = 0
    }
    private static let freed: UInt64 = 1 << 31
    private static let slotsOfChunk = 1024
    private static let mostChunks = 1 << 14

    /// Addresses of chunks, each written once.
    // Safe: all is atomic, or guarded by the lock.
    nonisolated(unsafe) private let chunks: UnsafeMutablePointer<Atomic<UInt>>
    // Safe: a mutex of the system's, which, unlike Swift's, can be made anew in a forked child.
    nonisolated(unsafe) private let lock: UnsafeMutablePointer<pthread_mutex_t>
    // Safe: guarded by the lock.
    nonisolated(unsafe) private let places: UnsafeMutablePointer<Places>
    /// The first slot of this process.
    private let first = Atomic<Int>(0)

    private struct Places {
        /// The longest free first: with so many in between, a number does not come again.
        var free: Deque<Int> = []
        var count = 0
        static let fewestFree = 1024
    }

    init() {
        chunks = .allocate(capacity: Self.mostChunks)
        for index in 0..<Self.mostChunks { (chunks + index).initialize(to: Atomic(0)) }
        lock = .allocate(capacity: 1)
        lock.initialize(to: pthread_mutex_t())
        pthread_mutex_init(lock, nil)
        places = .allocate(capacity: 1)
        places.initialize(to: Places())
    }

    // MARK: Adding

    /// - Returns: its number; `nil`: there are too many.
    func add(_ object: AnyObject, _ kind: ObjectKind) -> UInt64? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard let place = freePlace() ?? newPlace(), let slot = slot(place) else { return nil }
        slot.pointee.generation = (slot.pointee.generation &+ 1) & 0xFF_FFFF
        slot.pointee.object = .passRetained(object)
        let tag = UInt64(kind.rawValue) << 24 | UInt64(slot.pointee.generation)
        slot.pointee.state.store(tag << 32, ordering: .releasing)
        return tag << 32 | UInt64(place)
    }

    private func freePlace() -> Int? {
        places.pointee.free.count > Places.fewestFree ? places.pointee.free.removeFirst() : nil
    }

    private func newPlace() -> Int? {
        let place = places.pointee.count
        guard place < Self.mostChunks * Self.slotsOfChunk else { return places.pointee.free.popFirst() }
        if place % Self.slotsOfChunk == 0 {
            let chunk = UnsafeMutablePointer<Slot>.allocate(capacity: Self.slotsOfChunk)
            for index in 0..<Self.slotsOfChunk { (chunk + index).initialize(to: Slot()) }
            chunks[place / Self.slotsOfChunk].store(UInt(bitPattern: chunk), ordering: .releasing)
        }
        places.pointee.count += 1
        return place
    }

    @inline(__always)
    private func slot(_ place: Int) -> UnsafeMutablePointer<Slot>? {
        guard place < Self.mostChunks * Self.slotsOfChunk else { return nil }
        let address = chunks[place / Self.slotsOfChunk].load(ordering: .acquiring)
        return UnsafeMutablePointer<Slot>(bitPattern: address).map { $0 + place % Self.slotsOfChunk }
    }

    // MARK: Using

    /// Runs `body` on the object while nobody can free it.
    /// - Throws: ``DoorError`` if the number names no such object, or one of this process's parent.
    @inline(__always)
    func use<Object: AnyObject, T>(
        _ number: UInt64, _ kind: ObjectKind, as type: Object.Type, _ body: (Object) throws -> T
    ) throws -> T {
        let place = Int(number & 0xFFFF_FFFF)
        guard UInt8(number >> 56) == kind.rawValue, let slot = slot(place) else { throw unknown(number, kind) }
        if place < first.load(ordering: .relaxed) { throw DoorError.forked(kind) }
        guard pin(slot, number) else { throw unknown(number, kind) }
        defer { unpin(slot, place) }
        guard let object = slot.pointee.object else { throw unknown(number, kind) }
        // The kind says what class it is of; the pin holds it.
        return try object._withUnsafeGuaranteedRef { try body(unsafeDowncast($0, to: Object.self)) }
    }

    @inline(__always)
    private func pin(_ slot: UnsafeMutablePointer<Slot>, _ number: UInt64) -> Bool {
        var state = slot.pointee.state.load(ordering: .relaxed)
        while state >> 32 == number >> 32, state & Self.freed == 0 {
            let (isDone, found) = slot.pointee.state.weakCompareExchange(
                expected: state, desired: state + 1, ordering: .acquiringAndReleasing)
            if isDone { return true }
            state = found
        }
        return false
    }

    @inline(__always)
    private func unpin(_ slot: UnsafeMutablePointer<Slot>, _ place: Int) {
        let left = slot.pointee.state.subtract(1, ordering: .acquiringAndReleasing).newValue
        if left & 0xFFFF_FFFF == Self.freed { empty(slot, place) }
    }

    // MARK: Freeing

    /// - Returns: the object that nobody can use by its number from now on; `nil`: it was none.
    func remove(_ number: UInt64) -> AnyObject? {
        let place = Int(number & 0xFFFF_FFFF)
        guard number >> 56 != 0, place >= first.load(ordering: .relaxed), let slot = slot(place), pin(slot, number)
        else { return nil }
        defer { unpin(slot, place) }
        // Of two that free it at once, one does.
        let before = slot.pointee.state.bitwiseOr(Self.freed, ordering: .acquiringAndReleasing).oldValue
        return before & Self.freed == 0 ? slot.pointee.object?.takeUnretainedValue() : nil
    }

    private func empty(_ slot: UnsafeMutablePointer<Slot>, _ place: Int) {
        let object = slot.pointee.object
        slot.pointee.object = nil
        slot.pointee.state.store(0, ordering: .releasing)
        pthread_mutex_lock(lock)
        places.pointee.free.append(place)
        pthread_mutex_unlock(lock)
        object?.release()
    }

    func unknown(_ number: UInt64, _ kind: ObjectKind) -> DoorError { .badHandle(number, kind) }

    // MARK: Forks

    func prepareFork() { pthread_mutex_lock(lock) }
    func afterForkInParent() { pthread_mutex_unlock(lock) }
    func afterForkInChild() {
        pthread_mutex_init(lock, nil)
        first.store(places.pointee.count, ordering: .relaxed)
        // Lent, not freed: the parent's array may be of memory that nobody may touch now.
        places.initialize(to: Places(free: [], count: first.load(ordering: .relaxed)))
    }
}

extension ObjectTable {
    /// The one of this process. A fork has its child begin anew in it.
    static let shared: ObjectTable = {
        let table = ObjectTable()
        pthread_atfork(
            { ObjectTable.shared.prepareFork() }, { ObjectTable.shared.afterForkInParent() },
            { ObjectTable.shared.afterForkInChild() })
        return table
    }()
}
