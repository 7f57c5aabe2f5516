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
    private unowned let world: World
    let writer: Writer
    let reader: Reader
    private let looker: Looker
    /// Kept for ``PlantState``.
    var planted = PlantedBroker()
    private let clockOffset: Duration
    private var compactions: Compactions
    private var writes: [QueuedWrite] = []
    private var isWriting = false
    private var readsUnderWay = 0
    private var reportsUnderWay = 0
    private var lastReport: Instant
    private var shown: Position
    private var floor: Revision

    init(_ number: Int, in world: World) throws {
        self.number = number
        self.world = world
        (writer, reader) = try world.disk.open()
        lineage = world.disk.store.lineage
        looker = Looker(store: world.disk.store, reader: reader, inlineValueBytes: Profile.inlineValueBytes)
        clockOffset = .milliseconds(world.dice.below(1_000_000))
        var settings = CoreSettings()
        settings.events = ["tcp://*:7402"]
        settings.inlineValueBytes = Profile.inlineValueBytes
        settings.eventBytes = Profile.eventBytes
        let now = world.now + clockOffset
        core = BrokerCore(
            settings: settings, lineage: lineage, instance: Instance(world.dice.next() | 1), visible: writer.head,
            nextExpiry: writer.nextExpiry, random: world.dice.split(), now: now)
        compactions = Compactions(writer: writer, retention: Retention(), now: now)
        lastReport = world.now
        shown = writer.head
        floor = writer.floor
    }

    var now: Instant { world.now + clockOffset }
    var isIdle: Bool { writes.isEmpty && !isWriting && readsUnderWay == 0 && reportsUnderWay == 0 }
    var batchesWaiting: [QueuedWrite] { writes }

    /// Runs `action` after a while, if this process still runs.
    private func after(_ delay: Duration, _ action: @escaping (BrokerProcess) -> Void) {
        world.after(delay) { [number] world in
            if let broker = world.broker, broker.number == number { action(broker) }
        }
    }

    func start() {
        world.note(.visible(lineage, shown))
        world.note(.floor(lineage, floor))
        tick()
    }

    private func tick() {
        step(.tick(wall: world.wall))
        after(.milliseconds(50)) { $0.tick() }
    }

    // MARK: The bus thread

    func receive(_ request: Request, from peer: Peer) { step(.request(from: peer, bytes: 200, request)) }

    private func step(_ input: BrokerInput<Peer>) {
        let isReport = if case .written = input { true } else { false }
        let outputs = world.altered(core.step(input, now: now), of: self)
        for (index, output) in outputs.enumerated() {
            if isReport, case .publishing(let limit)? = world.kill, index == limit % outputs.count {
                return world.killBroker("between what it publishes and replies")
            }
            carryOut(output)
        }
        noteVisible()
    }

    private func noteVisible() {
        guard shown != core.visible else { return }
        shown = core.visible
        world.note(.visible(lineage, shown))
    }

    private func carryOut(_ output: BrokerOutput<Peer>) {
        switch output {
        case .reply(let peer, let reply):
            noteTold(peer, reply)
            world.deliver(world.paged(reply, by: self, to: peer), to: peer)
        case .publish(let message):
            if case .event(let event) = message.content { world.note(.published(lineage, event.position)) }
            world.publish(message)
        case .write(let write):
            writes.append(write)
            scheduleWriting()
        case .read(let read):
            readsUnderWay += 1
            after(world.dice.milliseconds(world.pace(world.profile.reading))) { $0.look(read) }
        case .drained: break
        }
    }

    /// What nobody should do: see ``Plant/replyBeforePublish``.
    func tellEarly(_ reply: Reply, to peer: Peer) {
        noteTold(peer, reply)
        world.deliver(reply, to: peer)
    }

    private func noteTold(_ peer: Peer, _ reply: Reply) {
        guard let op = world.ops[PeerRequest(agent: peer.agent, life: peer.life, id: reply.id)] else { return }
        switch reply.body {
        case .outcome(let outcome): world.note(.told(op, .success(outcome), lineage))
        case .failure(let failure): world.note(.told(op, .failure(failure), lineage))
        default: break
        }
    }

    // MARK: The commit thread

    private func scheduleWriting() {
        guard !isWriting else { return }
        isWriting = true
        after(world.dice.milliseconds(world.pace(world.profile.writing))) { $0.write() }
    }

    private func write() {
        if world.kill == .beforeCommit {
            publishUncommitted()
            return world.killBroker("before COMMIT")
        }
        do {
            if !writes.isEmpty { try writeBatch() }
            guard world.broker === self else { return }
            try compact()
        } catch { world.failure = error }
        isWriting = false
        if !writes.isEmpty || compactions.isUnderWay { scheduleWriting() }
    }

    private func writeBatch() throws {
        var results: [(ticket: UInt64, result: WriteReport.Result)] = []
        var items: [(ticket: UInt64, item: WriteItem)] = []
        for write in writes {
            switch write.job {
            case .compact(let request): compactions.ask(request, ticket: write.ticket)
            case .item where write.deadline.map({ $0 < now }) ?? false:
                results.append((write.ticket, .item(.refused(Failure(.deadlineExceeded, "waited too long")))))
            case .item where world.diskIsFullUntil > world.now:
                results.append((write.ticket, .item(.refused(Failure(.diskFull, "the disk is full")))))
            case .item(let item): items.append((write.ticket, try world.altered(item, isFirst: items.isEmpty, of: self)))
            }
        }
        writes = []
        let batch = try writer.commit(items.map(\.item), now: world.wall)
        let batchResults = world.altered(batch.results, of: items.map(\.item))
        if world.kill == .afterCommit { return world.killBroker("after COMMIT, before anybody was told") }
        for (entry, result) in zip(items, batchResults) { results.append((entry.ticket, .item(result))) }
        world.committed(batch.commits, results, of: self)
        report(WriteReport(results: results, commits: batch.commits, nextExpiry: writer.nextExpiry, sync: batch.sync))
    }

    /// What nobody should do: tell of a batch that is not on disk. It is decided on a copy of the store.
    private func publishUncommitted() {
        guard world.plant == .publishBeforeCommit, !writes.isEmpty else { return }
        do {
            let items = writes.compactMap { write in
                if case .item(let item) = write.job { (ticket: write.ticket, item: item) } else { nil }
            }
            let batch = try world.disk.commitOnACopy(items.map(\.item), now: world.wall)
            let results = zip(items, batch.results).map { ($0.ticket, WriteReport.Result.item($1)) }
            let report = WriteReport(results: results, commits: batch.commits, nextExpiry: nil)
            for output in core.step(.written(report), now: now) { carryOut(output) }
        } catch { world.failure = error }
    }

    /// Reports arrive in their order.
    private func report(_ report: WriteReport) {
        if report.results.isEmpty, report.commits.isEmpty { return }
        reportsUnderWay += 1
        lastReport = max(lastReport, world.now + world.dice.milliseconds(world.pace(world.profile.writing)))
        after(lastReport - world.now) { broker in
            broker.reportsUnderWay -= 1
            broker.step(.written(report))
        }
    }

    private func compact() throws {
        guard compactions.isUnderWay else { return }
        try world.disk.harvest()
        let finished = try compactions.step(now: now, wall: world.wall)
        if writer.floor != floor {
            floor = writer.floor
            world.note(.floor(lineage, floor))
        }
        report(
            WriteReport(
                results: finished.map { ($0.ticket, .compacted(floor: $0.floor)) }, nextExpiry: writer.nextExpiry))
    }

    // MARK: The reading threads

    private func look(_ read: QueuedRead) {
        var read = world.altered(read, of: self)
        var answer = Result<ReadAnswer, Failure>.failure(Failure(.deadlineExceeded, "waited too long"))
        if read.deadline.map({ $0 >= now }) ?? true {
            read.deadline = nil
            answer = looker.answer(read)
        }
        after(world.dice.milliseconds(world.pace(world.profile.reading))) { broker in
            broker.readsUnderWay -= 1
            broker.step(.answered(ticket: read.ticket, answer))
        }
    }
}
