import MembusDice
import MembusModel
import MembusStore

@testable import Membus
@testable import MembusBroker

// A history is over long before the product's bounds would show: it lasts less than a minute, and does some dozens
// of things. So some worlds have small ones; what comes of each is counted.

/// Bounds of the product that a seed makes small. `nil`: the product's own.
struct SmallBounds {
    /// Of streams that nobody names. Clients name theirs three times in it, if they know of it.
    var streamLife: Duration?
    var namesInTime = true
    /// Streams in a heartbeat's list.
    var mostListed: Int?
    var writesWaiting: Int?
    var readsWaiting: Int?
    /// What a view holds while it pulls.
    var heldEvents: Int?
    /// A client's transactions under way, and a session's outcomes.
    var mostInFlight: Int?
    var mostKept: UInt64?
    /// How long history is kept, and sessions that nobody uses.
    var history: Duration?
    var sessionLife: Duration?

    /// How much of a look-up is done at a time.
    var pieceWork = 1000

    /// All as the product has them.
    init() {}

    init(_ dice: inout Dice) {
        guard dice.chance(50) else { return }
        if dice.chance(40) { streamLife = dice.milliseconds(1000...5000) }
        namesInTime = dice.chance(70)
        if dice.chance(40) { mostListed = dice.within(1...2) }
        if dice.chance(25) { writesWaiting = dice.within(2...8) }
        if dice.chance(25) { readsWaiting = dice.within(2...8) }
        if dice.chance(40) { heldEvents = dice.within(1...2) }
        if dice.chance(25) { mostInFlight = dice.within(1...3) }
        if dice.chance(15) { mostKept = UInt64(dice.within(1...2)) }
        if dice.chance(20) { history = dice.milliseconds(300...5000) }
    }

    /// Of dice of their own.
    mutating func shortenPieces(_ dice: inout Dice) { if dice.chance(40) { pieceWork = dice.within(1...4) } }

    /// Of dice of their own.
    mutating func shortenSessions(_ dice: inout Dice) {
        if history != nil, dice.chance(40) { sessionLife = dice.milliseconds(500...5000) }
    }

    func set(_ settings: inout CoreSettings) {
        if let streamLife { settings.streams.life = streamLife }
        if let mostListed { settings.streams.mostListed = mostListed }
        if let writesWaiting { settings.writesWaiting = writesWaiting }
        if let readsWaiting { settings.readsWaiting = readsWaiting }
    }

    func set(_ settings: inout ClientSettings) {
        if let streamLife, namesInTime {
            settings.keepAlive = streamLife / 3
            settings.views.keepAlive = streamLife / 3
        }
        if let heldEvents { settings.views.heldEvents = heldEvents }
        if let mostInFlight { settings.mostInFlight = mostInFlight }
    }

    /// In a history that is shorter than the product's period, it looks by itself only where little is kept.
    func upkeep(now: Instant) -> Upkeep {
        guard let history else { return Upkeep(retention: Retention(), period: .seconds(1 << 30), now: now) }
        return Upkeep(
            retention: Retention(age: history, bytes: 1 << 30, least: .zero), period: Self.lookingPeriod,
            sessionLife: sessionLife ?? .seconds(1 << 30), now: now)
    }
    /// Between two looks at what the retention allows.
    static let lookingPeriod = Duration.milliseconds(200)
}

// MARK: What came of them

extension World {
    /// - Parameter before: the broker's counters at the last call.
    func countBounds(_ counters: StreamTable.Counters, since before: StreamTable.Counters) {
        coverage.count(.streamDropped, times: Int(counters.streamsDropped - before.streamsDropped))
        coverage.count(.listShortened, times: Int(counters.listsShortened - before.listsShortened))
    }

    func countBounds(_ reply: Reply.Body) {
        guard case .refused(let refusal) = reply else { return }
        switch refusal.code {
        case .busy: coverage.count(.busy)
        case .numberForgotten: coverage.count(.outcomeForgotten)
        default: break
        }
    }
}

extension Agent {
    /// What bounds have cost a view since the last call.
    func countBounds(of follower: Follower) {
        let dropped = core.views[follower.id]?.machine.heldDropped ?? 0
        let capped = follower.shared.capped
        world.coverage.count(.heldDropped, times: max(0, dropped - follower.met.held))
        world.coverage.count(.entryEvicted, times: capped.evicted - follower.met.evicted)
        world.coverage.count(.valueStripped, times: capped.stripped - follower.met.stripped)
        follower.met = (dropped, capped.evicted, capped.stripped)
    }

    func countBounds(of input: ClientInput) {
        guard case .call(_, .transact, _) = input, !core.session.waiting.isEmpty else { return }
        if core.session.slots.count >= core.settings.mostInFlight { world.coverage.count(.transactionQueued) }
    }
}
