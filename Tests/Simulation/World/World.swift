import Foundation
import MembusChecker
import MembusDice
import MembusModel

// One history, in one thread, from one seed: the real cores of a broker and its clients, a real store, and
// between them a network, clocks and crashes that the seed decides.
//
//   chaos   moves (what agents do, what goes wrong) follow each other at the profile's pace
//   calm    faults end; views must be live and at the head within the stated bound
//   rest    everything is compared with the store
//
// Invariants: nothing here reads a clock or the system's randomness; everything that happens goes through the
// agenda; nothing here decides anything that broker or client should decide. Each move starts with dice of its
// own, so that a history without one of its moves is the same up to it, and much the same behind it.

package final class World {
    package let seed: UInt64
    package let mutant: Mutant?
    let part: Part
    package internal(set) var history = History()
    /// How many entries of the agenda were carried out.
    package internal(set) var steps = 0
    package internal(set) var coverage = Coverage()

    var now = Instant(nanoseconds: 1_000_000_000_000) {
        didSet { clock.set(now) }
    }
    /// The same, for those who may only look at it.
    let clock = VirtualClock(Instant(nanoseconds: 1_000_000_000_000))
    var dice: Dice
    let profile: Profile
    let caps: Caps
    var projecting: Projecting
    var searching: Searching
    var agenda = Agenda()
    var disk: Disk
    /// It applies what the broker's store decides; `nil`: it could not.
    var replica: Replica?
    /// Each is a record of its own, under a key that no agent names.
    var conflictsParked = 0
    /// What may or may not be durable: the broker died in the middle of it.
    var doubtful: DecidedBatch?
    var broker: BrokerProcess?
    var lastBroker = 0
    var agents: [Agent] = []
    var kill: KillPoint?
    var diskIsFullUntil = Instant(nanoseconds: 0)
    var slowUntil = Instant(nanoseconds: 0)
    var slowDiskUntil = Instant(nanoseconds: 0)
    var wallOffset = Duration.zero
    /// A broker's process died since the store was opened; and took with it what was not synced.
    var isDirty = false
    var losesPower = false
    /// Replies and events so far.
    var sent = 0
    var isCalm = false
    var lastOp = 0
    var lastRead = 0
    var branches: [BranchName] = [.main]
    /// Those that are closed and deleted, too: nobody follows them.
    var briefs: [BranchName] = []
    var tags: [KnownTag] = []
    var tokens: [Token] = []
    /// Which transaction a request is about, for what the broker tells of it.
    var ops: [PeerRequest: Int] = [:]
    var mutants = MutantState()
    /// What the client had when it sent a transaction's number, the least of its sendings.
    var acknowledged: [MutantState.Number: UInt64] = [:]
    /// All that agents ever followed.
    var followed: Set<StreamDefinition> = []

    package init(seed: UInt64, part: Part, mutant: Mutant? = nil) throws {
        self.seed = seed
        self.part = part
        self.mutant = part.isControl ? nil : mutant
        dice = Dice(seed: seed)
        var profile = Profile(&dice)
        // Of dice of their own: what else a seed gives does not depend on them.
        var boundDice = Dice(seed: seed, move: -1)
        profile.bounds = SmallBounds(&boundDice)
        profile.widen(&boundDice)
        var callDice = Dice(seed: seed, move: -2)
        profile.readThenWrite(&callDice)
        profile.shorten(&callDice)
        var lifeDice = Dice(seed: seed, move: -3)
        profile.bounds.shortenSessions(&lifeDice)
        profile.bounds.shortenPieces(&lifeDice)
        var searchDice = Dice(seed: seed, move: -4)
        profile.searches = searchDice.chance(35)
        profile.sendVectors(&searchDice)
        profile.setSearch(&searchDice)
        mutant?.provoke(&profile)
        profile.spare(part.spared)
        self.profile = profile
        caps = Caps(profile.bounds, Dice(seed: seed, move: .max - 1))
        let lineage = dice.next() | 1
        disk = try Disk(lineage: lineage, isOnDisk: profile.isOnDisk)
        replica = try Replica(lineage: lineage)
        projecting = Projecting(Dice(seed: seed, move: .max - 2))
        searching = Searching(Dice(seed: seed, move: .max - 3), profile)
        if profile.isWired { coverage.count(.wired) }
        if profile.isOnDisk { coverage.count(.onDisk) }
    }

    package func run() throws {
        defer {
            disk.faults?.add(to: &coverage)
            broker = nil
            searching.remove()
            replica?.remove()
            disk.remove()
        }
        try startBroker()
        for index in 0..<min(profile.agents, part.agents ?? .max) { agents.append(Agent(index: index, in: self)) }
        writeManyKeys()
        for agent in agents where dice.chance(profile.earlyViews) { follow(agent) }
        for number in 0..<part.moves { try move(number) }
        dice = Dice(seed: seed, move: .max)
        try loseTail()
        try calmDown()
        for agent in agents { countTails(of: agent) }
        try rest()
    }

    /// What the move is does not depend on what happens while its pause passes.
    private func move(_ number: Int) throws {
        dice = Dice(seed: seed, move: number)
        let pause = dice.milliseconds(profile.pace)
        let move = dice.weighted(profile.moves)
        let choices = dice.split()
        try pass(pause)
        dice = choices
        if !part.without.contains(number) { try make(move) }
    }

    // MARK: Time

    func note(_ fact: Fact) { history.note(now, fact) }
    func remark(_ text: @autoclosure () -> String) { note(.remark(text())) }

    func after(_ delay: Duration, _ action: @escaping Agenda.Action) { agenda.add(at: now + delay, action) }

    func pass(_ time: Duration) throws {
        let end = now + time
        while let next = agenda.next(until: end) {
            now = max(now, next.time)
            steps += 1
            next.action(self)
            if let failure { throw failure }
        }
        now = end
    }
    /// Something that the world itself can't go on from.
    var failure: (any Error)?

    /// The broker machine's wall clock.
    var wall: Timestamp {
        Timestamp(milliseconds: 1_700_000_000_000 + now.nanoseconds / 1_000_000).advanced(by: wallOffset)
    }

    // MARK: The end

    /// Views are timed one by one. What comes so late that they can't have seen it by then gets a little more.
    static let patience = Check.recovery + .seconds(5)

    private func calmDown() throws {
        isCalm = true
        kill = nil
        (diskIsFullUntil, slowUntil, slowDiskUntil) = (now, now, now)
        disk.faults?.setFull(false)
        broker?.resume()
        for agent in agents { agent.endFaults() }
        disk.faults?.cancel()
        if broker == nil {
            try recover()
            try startBroker()
        }
        note(.faultsEnded)
        let end = now + Self.patience
        while now < end {
            try pass(.milliseconds(50))
            if let broker { for agent in agents { agent.noteRecovery(to: broker.core.visible, of: broker.lineage) } }
            // What comes of the last faults by itself, like what a clock that was set makes expire, has begun by then.
            if isAtRest, now >= end - Self.patience + .milliseconds(250) { return }
        }
    }

    private var isAtRest: Bool {
        guard let broker, broker.isIdle else { return false }
        return agents.allSatisfy { $0.isAtRest(at: broker.core.visible, of: broker.lineage) }
    }

    private func rest() throws {
        guard let broker else { return note(.broken(.liveAgain, "no broker runs at the end")) }
        try disk.harvest()
        try restProjecting(broker)
        try restSearching(broker)
        try holdOutcomesToCaps()
        for agent in agents { agent.noteRest() }
        note(.restedAt(broker.lineage, broker.core.visible))
        // A broker that has written nothing yet has not looked at its clocks.
        if broker.time > Timestamp(milliseconds: 0) { note(.restedWhen(min(wall, broker.time))) }
        history.truths[disk.truth.lineage] = disk.truth
        try disk.verify()
        try compareStores(broker)
    }
}
