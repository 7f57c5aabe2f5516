import MembusChecker
import MembusModel

@testable import Membus

/// One view of an agent: the real cache behind its real mutex.
final class Follower {
    let id: ViewID
    let name: ViewName
    let follow: Follow
    let shared: SharedView
    /// Of its cache, in bytes.
    let capacity: Int
    /// The agent was told that it is complete.
    var isJoined = false
    var lastWatched = Instant(nanoseconds: 0)
    var phase = ViewMachine.Phase.register
    /// What of its bounds was counted.
    var met = (held: 0, evicted: 0, stripped: 0)
    /// It was live and at the head since the faults ended.
    var hasRecovered = false

    init(id: ViewID, name: ViewName, follow: Follow, shared: SharedView, capacity: Int) {
        self.id = id
        self.name = name
        self.follow = follow
        self.shared = shared
        self.capacity = capacity
    }
}

// An agent's process: the real core and views, what its driver does, and the state of its two sockets.
//
// A life ends with a crash or restart; what is under way for an earlier life comes to nothing. A paused agent
// takes nothing; all of it waits, in the order in which it came.
final class Agent {
    let index: Int
    unowned let world: World
    private(set) var life = 0
    private(set) var core: ClientCore
    private var clockOffset: Duration
    private(set) var followers: [Follower] = []
    private(set) var watchings: [AgentWatch] = []
    private var lastView: UInt64 = 0
    private var lastCall: UInt64 = 0
    private var calls: [CallID: (Result<Answer, any Error>) -> Void] = [:]
    private var pausedUntil: Instant?
    private var inbox: [ClientInput] = []
    private var nextNotes = Instant(nanoseconds: 0)
    var sockets = Sockets()
    /// What the agent saved of its views, for its next life.
    var warm: [WarmFile] = []

    init(index: Int, in world: World) {
        self.index = index
        self.world = world
        clockOffset = .milliseconds(world.dice.below(1_000_000))
        core = Self.makeCore(world, index, clockOffset)
        start()
    }

    private static func makeCore(_ world: World, _ index: Int, _ offset: Duration) -> ClientCore {
        var settings = ClientSettings(
            endpoint: "tcp://127.0.0.1:7401", agent: "agent-\(index)", context: "c", branch: .main,
            timeout: .seconds(10))
        world.profile.bounds.set(&settings)
        return ClientCore(settings: world.bounded(settings), seed: world.dice.next(), now: world.now + offset)
    }

    var now: Instant { world.now + clockOffset }
    func isAlive(_ life: Int) -> Bool { self.life == life }

    // MARK: Life

    private func start() {
        step(.started)
        tick()
    }

    /// Killed and started again: nothing of memory is left. Every second life ends properly instead.
    func restart() {
        let leaves = life.isMultiple(of: 2) && pausedUntil == nil
        world.remark("agent \(index) \(leaves ? "leaves" : "is killed"), and is started again")
        if leaves { step(.leaving([])) }
        world.coverage.count(.agentRestarted)
        for follower in followers { world.note(.left(follower.name)) }
        life += 1
        (followers, watchings, calls, inbox, pausedUntil) = ([], [], [:], [], nil)
        world.countTails(of: self)
        sockets = Sockets(requests: sockets.requests + 1, events: sockets.events + 1)
        clockOffset = .milliseconds(world.dice.below(1_000_000))
        core = Self.makeCore(world, index, clockOffset)
        start()
    }

    func pause(for time: Duration) {
        guard pausedUntil == nil else { return }
        world.remark("agent \(index) is stopped for \(time)")
        world.coverage.count(.agentPaused)
        pausedUntil = world.now + time
        let life = life
        world.after(time) { [index] world in
            let agent = world.agents[index]
            if agent.isAlive(life) { agent.resume() }
        }
    }

    private func resume() {
        guard pausedUntil != nil else { return }
        pausedUntil = nil
        let waiting = inbox
        inbox = []
        for input in waiting { take(input) }
    }

    func endFaults() {
        resume()
        sockets.cutUntil = world.now
        sockets.overflowUntil = world.now
        sockets.losesTail = false
    }

    private func tick() {
        if pausedUntil == nil {
            step(.tick)
            noteReads()
            watch()
            // A view that can't be had is dropped, as the driver does.
            for follower in followers where follower.shared.failure != nil { leave(follower) }
        }
        let pause = max(.milliseconds(1), min(.milliseconds(50), core.wakeAt - now))
        let life = life
        world.after(pause) { [index] world in
            let agent = world.agents[index]
            if agent.isAlive(life) { agent.tick() }
        }
    }

    // MARK: The driver

    func take(_ input: ClientInput) {
        if pausedUntil != nil { inbox.append(input) } else { step(input) }
    }

    private func step(_ input: ClientInput) {
        let outputs = core.step(input, now: now)
        countTransitions()
        countBounds(of: input)
        for output in outputs { carryOut(output) }
        world.holdToCaps(self)
    }

    private func countTransitions() {
        for follower in followers {
            guard let phase = core.views[follower.id]?.machine.phase, phase != follower.phase else { continue }
            world.coverage.count(follower.phase, phase)
            follower.phase = phase
        }
    }

    private func carryOut(_ output: ClientOutput) {
        switch output {
        case .send(let request): world.send(request, from: self)
        case .view(let id, let output, let lineage): move(id, output, lineage)
        case .finish(let id, let result): calls.removeValue(forKey: id)?(result)
        case .reopenRequests: reopenRequests()
        case .connectEvents: world.openEvents(of: self)
        case .replaceEvents:
            if world.mutant == .deafForEver { break }
            world.remark("agent \(index) replaces its events' socket")
            world.coverage.count(.eventsReplaced)
            world.openEvents(of: self)
        case .subscribe(let stream): world.subscribe(self, stream)
        case .unsubscribe(let stream): world.unsubscribe(self, stream)
        case .state(let state): for follower in followers { follower.shared.hear(state) }
        }
    }

    private func move(_ id: ViewID, _ output: ViewOutput, _ lineage: Lineage?) {
        guard let follower = follower(id) else { return }
        for shown in world.altered(output, of: follower, self) {
            var noted = shown.output
            if case .fresh(let asOf) = noted { noted = .fresh(asOf: asOf - clockOffset) }
            if case .reset = noted { world.coverage.count(.reset) }
            world.note(.moved(follower.name, noted, lineage))
            for output in shown.done { follower.shared.apply(output, of: lineage) }
        }
    }

    private func follower(_ id: ViewID) -> Follower? { followers.first { $0.id == id } }

    /// What the cached reads noted, with the world's time in place of the machine's.
    private func noteReads() {
        guard world.now >= nextNotes else { return }
        nextNotes = world.now + .milliseconds(200)
        let taken = followers.reduce(TakenReads()) { $0 + $1.shared.takeNotes() }
        let notes = taken.reads.map { note in
            var note = note
            note.time = world.wall
            return note
        }
        if !taken.isEmpty { step(.noted(notes, dropped: taken.dropped)) }
    }

    private func watch() {
        for follower in followers where world.now >= follower.lastWatched + .milliseconds(400) {
            follower.lastWatched = world.now
            world.note(.watched(follower.name, token(of: follower), isLive: isLive(follower)))
            noteCache(of: follower, atRest: false)
            world.holdToCaps(follower)
            world.holdRequestsToCaps(self)
            countBounds(of: follower)
        }
    }

    private func noteCache(of follower: Follower, atRest: Bool) {
        guard let shown = try? follower.shared.read({ ($0.cache.cut == nil ? nil : $0.token, $0.cache.known) }) else {
            return
        }
        world.note(.holds(follower.name, shown.0, follower.follow.mode == .invalidate ? shown.1 : [], atRest: atRest))
    }

    private func isLive(_ follower: Follower) -> Bool {
        if case .live = follower.shared.state { true } else { false }
    }

    /// The cache's own word; `nil` without a state.
    func token(of follower: Follower) -> Token? {
        core.views[follower.id]?.machine.cut == nil ? nil : follower.shared.token
    }

    // MARK: Calls

    func call(_ call: Call, timeout: Duration, _ then: @escaping (Result<Answer, any Error>) -> Void) {
        lastCall += 1
        let id = CallID(number: lastCall)
        calls[id] = world.altered(then, of: call, by: self)
        take(.call(id, call, deadline: now + timeout))
    }

    // MARK: Views

    func join(_ follow: Follow, capacity: Int, whenStale: WhenStale = .serve, warm: WarmFile? = nil) {
        lastView += 1
        let id = ViewID(number: lastView)
        let name = ViewName(agent: index, life: life, number: lastView)
        let environment = ViewEnvironment(
            now: { [clock = world.clock, clockOffset] in clock.now + clockOffset }, hashSeed: world.dice.next())
        let shared = SharedView(
            follow: follow, capacity: world.bounded(capacity), whenStale: whenStale, context: "c", warm: warm,
            in: environment)
        let follower = Follower(id: id, name: name, follow: follow, shared: shared, capacity: capacity)
        followers.append(follower)
        world.note(.following(name, follow.branch, follow.filter, follow.mode, start: follow.start))
        if let start = follow.start, let records = try? shared.read({ $0.cache.records() }) {
            world.note(.loaded(name, start, records))
        }
        world.followed.insert(StreamDefinition(branch: follow.branch, filter: follow.filter, mode: follow.mode))
        take(.follow(id, follow))
        call(.reach(id, .live), timeout: .seconds(60)) { [weak follower] result in
            if case .success = result { follower?.isJoined = true }
        }
    }

    func leave(_ follower: Follower) {
        followers.removeAll { $0 === follower }
        world.note(.left(follower.name))
        follower.shared.close()
        take(.unfollow(follower.id))
    }

    func watch(_ start: Watching.Start, on branch: BranchName, _ filter: TopicFilter, pageSize: Int) {
        lastView += 1
        let name = WatchName(agent: index, life: life, number: watchings.count + 1)
        let watching = AgentWatch(name, of: self, by: ViewID(number: lastView), on: branch, filter)
        watchings.append(watching)
        watching.begin(start, pageSize: pageSize)
    }

    // MARK: Rest

    func noteRecovery(to position: Position, of lineage: Lineage) {
        for follower in followers where !follower.hasRecovered && isAtHead(follower, position, lineage) {
            follower.hasRecovered = true
            world.note(.recovered(follower.name))
        }
    }

    private func isAtHead(_ follower: Follower, _ position: Position, _ lineage: Lineage) -> Bool {
        token(of: follower) == Token(lineage: lineage, position: position) && isLive(follower)
    }

    func isAtRest(at position: Position, of lineage: Lineage) -> Bool {
        // A watch that has read all waits for more.
        watchings.allSatisfy { $0.isOver || $0.isAtRest(at: position, of: lineage) }
            && calls.count == watchings.count { $0.isWaiting }
            && followers.allSatisfy { isAtHead($0, position, lineage) }
    }

    func noteRest() {
        for watching in watchings where !watching.isOver { world.note(.watch(watching.name, .rested)) }
        for follower in followers {
            if !follower.isJoined {
                world.note(.broken(.liveAgain, "agent \(index) still waits for \(follower.name) to be complete"))
            }
            noteCache(of: follower, atRest: true)
            let token = token(of: follower)
            var digests: (StateDigest?, StateDigest?) = (nil, nil)
            if follower.follow.mode == .update, let token, let digest = try? follower.shared.digest().digest {
                let store = try? world.disk.digest(follower.follow.branch, follower.follow.filter, at: token.revision)
                digests = (digest, store)
            }
            world.note(
                .rested(follower.name, token, isLive: isLive(follower), digest: digests.0, ofStore: digests.1))
        }
    }
}
