import MembusChecker
import MembusModel
import MembusStore

@testable import MembusBroker

/// Who asked: the way back.
struct Peer: Hashable, Sendable {
    var agent: Int
    var life: Int
    /// The request socket's; a reply to an older one is lost.
    var connection: Int
    /// That socket's connection: what is under way when it breaks is lost.
    var epoch: Int
}

struct PeerRequest: Hashable {
    var agent: Int
    var life: Int
    var id: UInt64
}

/// Where a broker is killed.
enum KillPoint: Equatable {
    case beforeCommit, afterCommit
    /// After so many of the outputs that follow a commit.
    case publishing(Int)
}

// A broker's process: the real core, and the turns of its threads. A batch's way:
//
//   admitted ─▶ (kill?) ─▶ COMMIT ─▶ (kill?) ─▶ reported ─▶ published, replied one by one (kill between any two)
final class BrokerProcess {
    let number: Int
    let lineage: Lineage
    var core: BrokerCore<Peer>
    unowned let world: World
    let writer: Writer
    let reader: Reader
    private let desk: Desk
    /// Kept for ``MutantState``.
    var mutated = MutantBroker()
    private let clockOffset: Duration
    let checkpointer: Checkpointer?
    var searcher: Searcher?
    /// What waits while the process is stopped.
    private var isPaused = false
    private var waiting: [(BrokerProcess) -> Void] = []
    var turn: CommitTurn
    var writes: [QueuedWrite] = []
    var isWriting = false
    private var readsUnderWay = 0
    var reportsUnderWay = 0
    var lastReport: Instant
    private var shown: Position
    private var counted: StreamTable.Counters
    var floor: Revision

    init(_ number: Int, in world: World) throws {
        self.number = number
        self.world = world
        (writer, reader) = try world.disk.open(mostKept: world.profile.bounds.mostKept)
        checkpointer = try world.disk.store.makeCheckpointer(largest: 64 << 10)
        lineage = world.disk.store.lineage
        let held = HeldStates()
        desk = Desk(
            store: world.disk.store, reader: reader, inlineValueBytes: Profile.inlineValueBytes, held: held,
            pieceWork: world.profile.bounds.pieceWork)
        clockOffset = .milliseconds(world.dice.below(1_000_000))
        var settings = CoreSettings()
        settings.events = ["tcp://*:7402"]
        settings.inlineValueBytes = Profile.inlineValueBytes
        settings.eventBytes = Profile.eventBytes
        world.profile.bounds.set(&settings)
        let now = world.now + clockOffset
        core = BrokerCore(
            settings: world.bounded(settings), lineage: lineage, instance: Instance(world.dice.next() | 1),
            visible: writer.head,
            nextExpiry: writer.nextExpiry, lastCommit: writer.lastCommit, random: world.dice.split(), now: now)
        turn = CommitTurn(writer: writer, upkeep: world.profile.bounds.upkeep(now: now), held: held)
        lastReport = world.now
        shown = writer.head
        counted = core.streams.counters
        floor = writer.floor
    }

    var now: Instant { world.now + clockOffset }
    /// For what the commit thread decides.
    var time: Timestamp { turn.time(at: now) }
    var isIdle: Bool { writes.isEmpty && !isWriting && readsUnderWay == 0 && reportsUnderWay == 0 }
    var batchesWaiting: [QueuedWrite] { writes }

    /// Runs `action` after a while, if this process still runs.
    func after(_ delay: Duration, _ action: @escaping (BrokerProcess) -> Void) {
        world.after(delay) { [number] world in
            if let broker = world.broker, broker.number == number { broker.whenAwake(action) }
        }
    }

    func start() {
        world.note(.visible(lineage, shown))
        world.note(.floor(lineage, floor))
        tick()
        if checkpointer != nil { after(.milliseconds(200)) { $0.checkpoint() } }
        after(world.projecting.period) { $0.project() }
        if world.searching.isOn { after(world.searching.period) { $0.search() } }
        if looksAfterHistory { after(SmallBounds.lookingPeriod) { $0.lookAfterHistory() } }
    }

    // MARK: Stopped and continued, as by signals

    private func whenAwake(_ action: @escaping (BrokerProcess) -> Void) {
        if isPaused { waiting.append(action) } else { action(self) }
    }

    func pause(for time: Duration) {
        guard !isPaused else { return }
        isPaused = true
        world.after(time) { [number] world in
            if let broker = world.broker, broker.number == number { broker.resume() }
        }
    }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        let late = waiting
        waiting = []
        for action in late where world.broker === self { action(self) }
    }

    private func tick() {
        step(.tick(wall: world.wall))
        after(.milliseconds(50)) { $0.tick() }
    }

    // MARK: The bus thread

    func receive(_ request: Request, from peer: Peer) {
        whenAwake { $0.step(.request(from: peer, as: Principal(namedBy: request.body), bytes: 200, request)) }
    }
    func receiveUndecodable(_ id: UInt64, _ failure: Refusal, from peer: Peer) {
        whenAwake { $0.step(.undecodable(from: peer, id: id, failure)) }
    }

    func step(_ input: BrokerInput<Peer>) {
        var input = input
        if world.mutant == .expiryForgotten, case .written(var report) = input {
            report.nextExpiry = nil
            input = .written(report)
        }
        let isReport = if case .written = input { true } else { false }
        let outputs = world.altered(core.step(input, now: now), of: self)
        world.holdToCaps(self)
        for (index, output) in outputs.enumerated() {
            if isReport, case .publishing(let limit)? = world.kill, index == limit % outputs.count {
                world.coverage.count(Self.stop(before: index, of: outputs))
                return world.killBroker("between what it publishes and replies")
            }
            carryOut(output)
        }
        noteVisible()
        world.countBounds(core.streams.counters, since: counted)
        counted = core.streams.counters
    }

    /// Where between publishing and replying this is.
    private static func stop(before index: Int, of outputs: [BrokerOutput<Peer>]) -> Happening {
        func isReply(_ output: BrokerOutput<Peer>) -> Bool { if case .reply = output { true } else { false } }
        func isEvent(_ output: BrokerOutput<Peer>) -> Bool { if case .publish = output { true } else { false } }
        if outputs[..<index].contains(where: isReply) { return .killedWhileReplying }
        if outputs[index...].contains(where: isEvent) {
            return outputs[..<index].contains(where: isEvent) ? .killedWhilePublishing : .killedAfterCommit
        }
        return .killedPublished
    }

    private func noteVisible() {
        guard shown != core.visible else { return }
        shown = core.visible
        world.note(.visible(lineage, shown))
    }

    func carryOut(_ output: BrokerOutput<Peer>) {
        switch output {
        case .reply(let peer, let reply):
            noteTold(peer, reply)
            world.countBounds(reply.body)
            if let shown = reply.body.shownRevision { world.note(.answered(lineage, shown)) }
            world.deliver(world.paged(reply, by: self, to: peer), to: peer)
        case .publish(let message):
            if case .event(let event) = message.content { world.note(.published(lineage, event.position)) }
            do { try world.publish(message) } catch { world.failure = error }
        case .write(let write):
            writes.append(write)
            scheduleWriting()
        case .read(let read):
            readsUnderWay += 1
            after(world.dice.milliseconds(world.pace(world.profile.reading))) { $0.look(read) }
        case .drained: break
        }
    }

    /// What nobody should do: see ``Mutant/replyBeforePublish``.
    func tellEarly(_ reply: Reply, to peer: Peer) {
        noteTold(peer, reply)
        world.deliver(reply, to: peer)
    }

    private func noteTold(_ peer: Peer, _ reply: Reply) {
        guard let op = world.ops[PeerRequest(agent: peer.agent, life: peer.life, id: reply.id)] else { return }
        switch reply.body {
        case .outcome(let outcome): world.note(.told(op, .success(outcome), lineage))
        case .refused(let refusal): world.note(.told(op, .failure(refusal), lineage))
        default: break
        }
    }

    // MARK: The reading threads

    private func look(_ read: QueuedRead) { goOn(with: world.altered(read, of: self)) }

    /// A piece of it; whatever happens between two pieces happens.
    private func goOn(with read: QueuedRead) {
        var read = read
        var answer: Result<LookUpResult, Refusal>? = .failure(Refusal(.deadlineExceeded, "waited too long"))
        if read.deadline.map({ $0 >= now }) ?? true { answer = desk.step(&read, now: now) }
        after(world.dice.milliseconds(world.pace(world.profile.reading))) { [read] broker in
            guard let answer else {
                broker.world.coverage.count(.lookUpInPieces)
                return broker.goOn(with: read)
            }
            broker.readsUnderWay -= 1
            broker.step(.answered(ticket: read.ticket, answer))
        }
    }
}

extension Reply.Body {
    /// The state that it shows, if it shows one.
    fileprivate var shownRevision: Revision? {
        switch self {
        case .records(let records): records.at.revision
        case .range(let page): page.at.revision
        case .diff(let page): max(page.from.revision, page.to.revision)
        case .impact(let impact): impact.at.revision
        case .planned(let plan): plan.at.revision
        case .page(let page): page.target.revision
        default: nil
        }
    }
}
