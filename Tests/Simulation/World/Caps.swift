import MembusChecker
import MembusDice

@testable import Membus
@testable import MembusBroker
@testable import MembusModel
@testable import MembusStore

// What broker, clients and caches may keep in this world (invariant 17), and what they do keep. Many worlds have
// bounds so small that they are reached all the time (SmallBounds). What is kept is counted here, by what is there; no
// count of the product's own is believed.

struct Caps {
    /// Of each view, while it pulls.
    var heldEvents = 10_000
    var heldBytes = 16 << 20
    /// Reads of each agent's that wait to be put on record.
    var notes = 20_000
    /// Of the broker.
    var writesWaiting = 16_384
    var readsWaiting = 4096
    var outcomes = Int(SessionState.mostKept)

    init(_ bounds: SmallBounds, _ dice: Dice) {
        var dice = dice
        heldBytes = dice.pick([heldBytes, 1000])
        notes = dice.pick([notes, 4])
        heldEvents = bounds.heldEvents ?? heldEvents
        writesWaiting = bounds.writesWaiting ?? writesWaiting
        readsWaiting = bounds.readsWaiting ?? readsWaiting
        outcomes = bounds.mostKept.map { Int($0) } ?? outcomes
    }
}

extension SmallBounds {
    /// What is ignored by some mutants.
    mutating func tighten() { (heldEvents, writesWaiting, readsWaiting) = (3, 3, 4) }
}

// MARK: What everybody is told to keep to

extension World {
    func bounded(_ settings: ClientSettings) -> ClientSettings {
        var settings = settings
        settings.mostNotedReads = mutant == .notesNeverDropped ? .max : caps.notes
        settings.views.heldBytes = caps.heldBytes
        if mutant == .heldUnbounded { (settings.views.heldEvents, settings.views.heldBytes) = (.max, .max) }
        return settings
    }

    func bounded(_ settings: CoreSettings) -> CoreSettings {
        var settings = settings
        if mutant == .queueUnbounded { (settings.writesWaiting, settings.readsWaiting) = (.max, .max) }
        return settings
    }

    /// Of a cache, in bytes.
    func bounded(_ capacity: Int) -> Int { mutant == .neverEvicts ? .max : capacity }
}

// MARK: What they keep

extension World {
    private func hold(_ count: Int, to bound: Int, _ what: @autoclosure () -> String) {
        if count > bound { note(.overgrown("\(what()): \(count), of \(bound) at most")) }
    }

    /// At every step of an agent's core.
    func holdToCaps(_ agent: Agent) {
        let core = agent.core
        hold(core.notes.waiting.count, to: caps.notes, "reads that agent \(agent.index) has yet to put on record")
        for follower in agent.followers {
            guard let held = core.views[follower.id]?.machine.core.held else { continue }
            hold(held.count, to: caps.heldEvents, "messages that \(follower.name) holds while it pulls")
            hold(held.bytes, to: caps.heldBytes, "bytes that \(follower.name) holds while it pulls")
        }
    }

    /// At its turns: a view asks at most every 100 ms, and what is not answered in 10 s is forgotten.
    func holdRequestsToCaps(_ agent: Agent) {
        let most = 4 + 2 * agent.core.calls.count + 110 * agent.core.views.count
        hold(agent.core.asks.asks.count, to: most, "requests that agent \(agent.index) has under way")
    }

    /// At its agent's turns, and whenever something was read.
    func holdToCaps(_ follower: Follower) {
        guard follower.shared.failure == nil, let kept = try? follower.shared.read({ $0.cache.measured })
        else { return }
        hold(kept.bytes, to: follower.capacity + kept.spare, "bytes in the cache of \(follower.name)")
        if kept.counted != kept.bytes {
            note(.overgrown("\(follower.name) counts \(kept.counted) bytes, and there are \(kept.bytes)"))
        }
        let keys = profile.keys.count + Self.specialKeys.count + 1 + mostSettings + conflictsParked
        hold(kept.records, to: keys, "records of \(follower.name)")
    }

    /// At every step of a broker's core. The broker's own sweep of what has expired waits beside them.
    func holdToCaps(_ broker: BrokerProcess) {
        var (writes, reads) = (0, 0)
        for waiting in broker.core.waiting.values {
            switch waiting.purpose {
            case .write, .session, .closing: writes += 1
            case .lookUp, .planning, .register: reads += 1
            case .expiry: break
            }
        }
        hold(writes, to: caps.writesWaiting, "writes that wait in the broker")
        hold(reads, to: caps.readsWaiting, "look-ups that wait in the broker")
        let streams = broker.core.streams
        hold(streams.footprint, to: StreamTable.Options().memoryBytes, "bytes of the broker's streams")
        hold(streams.count, to: followed.count, "streams of the broker, one for each filter that was ever followed")
    }

    // MARK: Outcomes

    /// A request arrives at the store.
    func noteAcknowledged(by item: WriteItem) {
        guard case .transact(let request, _, _) = item else { return }
        let number = MutantState.Number(session: request.session, number: request.number)
        acknowledged[number] = min(acknowledged[number] ?? .max, request.acknowledged)
    }

    /// A session keeps the newest outcomes, without those that its client said it has when the last was decided.
    func holdOutcomesToCaps() throws {
        for session in try disk.sessions() {
            let last = acknowledged[MutantState.Number(session: session.id, number: session.last)]
            let most = min(caps.outcomes, Int(session.last) - Int(last ?? 0))
            hold(session.kept, to: most, "outcomes of session \(session.id), whose last number is \(session.last)")
        }
    }
}

extension Disk {
    func sessions() throws -> [(id: SessionID, last: UInt64, kept: Int)] {
        try reader.read("reading the sessions", visible: .max) { look in
            let rows = try look.db.rows("SELECT id, last, results FROM sessions ORDER BY id")
            var sessions: [(id: SessionID, last: UInt64, kept: Int)] = []
            while let row = try rows.next() {
                sessions.append(
                    (
                        SessionID(UInt64(stored: try row[0])), UInt64(stored: try row[1]),
                        try KeptResults.decode(row[2]).count
                    ))
            }
            return sessions
        }
    }
}

extension ViewCache {
    /// All that is known of single keys.
    var known: [CacheEntry] {
        slots.compactMap { slot in
            switch slot.entry {
            case .unknown: nil
            case .absent: CacheEntry(key: slot.key, record: nil)
            case .present(let record), .announced(let record): CacheEntry(key: slot.key, record: record)
            }
        }
    }

    struct Measured: Sendable {
        /// All slots, with what they hold.
        var bytes: Int
        /// Keys alone, for which somebody has a handle or waits for a value: they stay whatever the capacity is.
        var spare: Int
        var records: Int
        /// What the cache itself believes.
        var counted: Int
    }

    var measured: Measured {
        var measured = Measured(bytes: 0, spare: 0, records: 0, counted: bytes)
        for slot in slots where !slot.key.text.isEmpty {
            let keyBytes = Self.slotFootprint(slot.key)
            measured.bytes += keyBytes + (slot.entry.record?.footprint ?? 0)
            if slot.entry.record != nil { measured.records += 1 }
            if slot.holders > 0, slot.isBare(in: mode) { measured.spare += keyBytes }
        }
        return measured
    }
}

extension ViewCache.Slot {
    /// Nothing of it could be evicted. In an update stream absence takes no memory of its own.
    fileprivate func isBare(in mode: StreamMode) -> Bool {
        switch entry {
        case .unknown: true
        case .absent: mode == .update
        case .present, .announced: false
        }
    }
}
