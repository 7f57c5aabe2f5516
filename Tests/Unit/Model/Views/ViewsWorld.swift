import Foundation
import MembusDice

@testable import MembusModel

// A bad network around one view and a naive broker: losses, delays, restarts, restored backups. Virtual time, one seed.

/// What goes wrong, in percent and milliseconds.
struct Faults {
    var lostRequests = 0
    var lostEvents = 0
    var delay = 3
    var restarts = 0
    static let none = Faults()
}

struct Broken: Error, CustomStringConvertible {
    let description: String
}

final class ViewWorld {
    var random: Dice
    var faults: Faults
    var now: Int64 = 0  // milliseconds
    let broker: BrokerModel
    var machine: ViewMachine
    var cache: ViewCache
    var truths: [Lineage: Truth] = [:]
    var log: [String] = []
    var isLogging = false
    /// What was visible when, for claims of freshness.
    var visibleAt: [(time: Int64, lineage: Lineage, revision: Revision)] = [(0, Lineage(1), 0)]

    private var agenda: [(time: Int64, order: Int, action: (ViewWorld) throws -> Void)] = []
    private var order = 0
    private var socket = 0
    private var subscriptions: Set<StreamID> = []  // as they have reached the broker
    private var wanted: Set<StreamID> = []
    private var lastArrival: Int64 = 0
    private var compared: (Lineage, Position, UInt64, Int)?
    private var lastCut: (Lineage?, Revision)?

    static let keys = ["a/0", "a/1", "a/2", "a/3", "a/4", "b/0", "b/1"].map { Key(unchecked: $0) }

    init(seed: UInt64, mode: StreamMode, faults: Faults) {
        random = Dice(seed: seed)
        self.faults = faults
        let filter = TopicFilter([Topic(unchecked: "a/")])
        broker = BrokerModel(filter: filter, mode: mode)
        machine = ViewMachine(branch: .main, filter: filter, mode: mode, nonceSeed: seed ^ 0xABCD)
        cache = ViewCache(mode: mode, filter: filter, capacity: 1 << 20)
    }

    // MARK: time

    func after(_ milliseconds: Int, _ action: @escaping (ViewWorld) throws -> Void) {
        order += 1
        agenda.append((now + Int64(milliseconds), order, action))
    }

    func run(until end: Int64) throws {
        while true {
            let wake = max(now, (machine.wakeAt.nanoseconds + 999_999) / 1_000_000)
            let next = agenda.indices.min { (agenda[$0].time, agenda[$0].order) < (agenda[$1].time, agenda[$1].order) }
            let tick = min(wake == now ? now + 1 : wake, now + 50)
            if let next, agenda[next].time <= tick {
                let item = agenda.remove(at: next)
                guard item.time <= end else {
                    agenda.append(item)
                    break
                }
                now = max(now, item.time)
                try item.action(self)
            } else {
                guard tick <= end else { break }
                now = tick
                try give(.tick)
            }
        }
        now = end
    }

    // MARK: the network

    private func delay() -> Int { 1 + random.below(faults.delay) }

    /// Only a broker that is up answers; the answer may get lost too.
    private func request(_ name: String, _ handle: @escaping (ViewWorld, BrokerModel) -> [ViewInput]) {
        if random.chance(faults.lostRequests) { return }
        after(delay()) { world in
            guard world.broker.isUp else { return }
            let inputs = handle(world, world.broker)
            if world.random.chance(world.faults.lostRequests) { return }
            // Some replies come when nobody expects them any more.
            let late = world.faults.lostRequests > 0 && world.random.chance(10) ? 1500 + world.random.below(1500) : 0
            world.after(world.delay() + late) { world in for input in inputs { try world.give(input) } }
        }
    }

    func publish(_ topic: StreamID, _ content: Published.Content) {
        guard broker.isUp, topic == .heartbeat || subscriptions.contains(topic) else { return }
        if random.chance(faults.lostEvents) { return }
        let message = Published(topic: topic, instance: broker.instance, content: content)
        let socket = socket
        lastArrival = max(lastArrival, now + Int64(delay()))  // in order
        after(Int(lastArrival - now)) { world in
            if world.socket == socket { try world.give(.published(message)) }
        }
    }

    private func subscribe(after milliseconds: Int) {
        let socket = socket
        after(milliseconds) { world in
            if world.socket == socket { world.subscriptions = world.wanted }
        }
    }

    func connect() {
        socket += 1
        subscriptions = []
        wanted = []
        after(delay()) { try $0.give(.connected) }
    }

    // MARK: the driver

    func give(_ input: ViewInput) throws {
        let outputs = machine.step(input, now: Instant(nanoseconds: now * 1_000_000))
        if isLogging { log.append("\(now) \(machine.phase) \(input) => \(outputs)") }
        for output in outputs { try perform(output) }
        try check()
    }

    private func perform(_ output: ViewOutput) throws {
        switch output {
        case .register(let newest, let attempt):
            request("register") { world, broker in
                let reply = broker.register(newest)
                return [
                    .registered(
                        reply, attempt: attempt, lineage: broker.lineage, instance: broker.instance,
                        visible: broker.visible)
                ]
            }
        case .subscribe(let stream):
            wanted.insert(stream)
            subscribe(after: delay())
        case .unsubscribe(let stream):
            wanted.remove(stream)
            subscribe(after: delay())
        case .ping(let nonce):
            let stream = machine.stream
            request("ping") { world, broker in
                let known = broker.stream?.id == stream
                if known, let stream, let bookmark = broker.bookmark(nonce) {
                    world.publish(stream, .bookmark(bookmark))
                }
                return [
                    .bookmark(known ? broker.bookmark() : nil, instance: broker.instance),
                    .pong(
                        nonce: nonce, clock: world.now * 1_000_000 + broker.clockOffset, visible: broker.visible,
                        instance: broker.instance),
                ]
            }
        case .pull(let stream, let from, let atLeast, let page, let attempt):
            request("pull") { world, broker in
                switch broker.pull(stream, from: from, atLeast: atLeast, page: page, &world.random) {
                case .success(let page): [.page(page, attempt: attempt, instance: broker.instance)]
                case .failure(let failure): [.refused(failure, attempt: attempt, instance: broker.instance)]
                }
            }
        case .replaceSocket: connect()
        case .apply(let records, let position): cache.apply(records, to: position)
        case .install(let records, let position): cache.install(records, at: position)
        case .catchUp(let records, let position): cache.catchUp(records, to: position)
        case .advance(let position): cache.advance(to: position)
        case .reset:
            cache.reset()
            lastCut = nil
        case .live, .stale, .fresh: break
        case .failed(let failure): throw Broken(description: "failed: \(failure)")
        }
    }

    /// A reader of an invalidate view fetches what is missing and keeps it if it may.
    func readSomething() {
        let key = Self.keys[random.below(5)]
        guard case .miss = cache.lookup(key.text) else {
            guard case .announced = cache.lookup(key.text) else { return }
            return fetch(key)
        }
        fetch(key)
    }

    private func fetch(_ key: Key) {
        let ticket = cache.beginFill([key])
        guard let cut = ticket.cut, let lineage = machine.lineage else { return cache.cancelFill(ticket) }
        after(delay() + delay()) { world in
            guard let truth = world.truths[lineage], truth.positions.count > Int(cut.revision) else {
                return world.cache.cancelFill(ticket)
            }
            let record = truth.states[Int(cut.revision)][key] ?? .deletion(of: key, revision: 0)
            world.cache.fill(ticket, with: [record], at: cut)
            try world.check()
        }
    }

    // MARK: what happens to the memory

    func commit() throws {
        guard broker.isUp else { return }
        let revision = broker.visible.revision + 1
        var records: [Record] = []
        for ordinal in 0..<(1 + random.below(3)) {
            let key = Self.keys[random.below(Self.keys.count)]
            guard !records.contains(where: { $0.key == key }) else { continue }
            let value = Data("\(revision)".utf8)
            records.append(
                random.chance(25)
                    ? .deletion(of: key, revision: revision, ordinal: UInt32(ordinal))
                    : Record(key: key, revision: revision, ordinal: UInt32(ordinal), content: .inline(value)))
        }
        let event = broker.commit(records, hash: random.next(), announced: random.chance(8))
        truths[broker.lineage] = broker.truth
        visibleAt.append((now, broker.lineage, revision))
        if let event, let stream = broker.stream { publish(stream.id, .event(event)) }
        if random.chance(20) {
            let token = Token(lineage: broker.lineage, position: broker.visible)
            after(delay()) { try $0.give(.learned(token)) }
        }
        if random.chance(10), let bookmark = broker.bookmark(), let stream = broker.stream?.id {
            let instance = broker.instance
            after(delay()) { world in
                if world.machine.stream == stream { try world.give(.bookmark(bookmark, instance: instance)) }
            }
        }
    }

    func beat() {
        publish(.heartbeat, .heartbeat(broker.heartbeat(clock: now * 1_000_000)))
        after(250) { $0.beat() }
    }

    func restart(down milliseconds: Int, restored: Bool) {
        broker.isUp = false
        subscriptions = []
        after(milliseconds) { world in
            let broker = world.broker
            if restored {
                broker.truth = broker.truth.prefix(world.random.below(broker.truth.positions.count))
                broker.lineage = Lineage(broker.fresh())
                broker.floor = 0
                world.truths[broker.lineage] = broker.truth
                world.visibleAt.append((world.now, broker.lineage, broker.visible.revision))
            }
            broker.restart(clock: Int64(world.random.below(1_000_000_000)))
            broker.isUp = true
            world.subscribe(after: world.delay())  // ZeroMQ subscribes again by itself
        }
    }

    // MARK: what must hold

    func check() throws {
        guard machine.cut == cache.cut else {
            throw Broken(description: "cuts \(machine.cut as Any) \(cache.cut as Any)")
        }
        guard let cut = cache.cut, let lineage = machine.lineage else { return }
        if let lastCut, lastCut.0 == lineage, cut.revision < lastCut.1 {
            throw Broken(description: "the cut went back from \(lastCut.1) to \(cut)")
        }
        lastCut = (lineage, cut.revision)
        let truth = truths[lineage] ?? Truth()
        guard cut.revision < truth.positions.count, truth.positions[Int(cut.revision)] == cut else {
            throw Broken(description: "cut \(cut) is not in history \(lineage)")
        }
        if compared.map({ $0 != (lineage, cut, cache.changes, cache.count) }) ?? true {
            try compare(truth.states[Int(cut.revision)], at: cut)
            compared = (lineage, cut, cache.changes, cache.count)
        }
        try checkClaims(cut.revision, lineage)
    }

    private func compare(_ state: [Key: Record], at cut: Position) throws {
        for key in Self.keys.prefix(5) {
            let record = state[key]
            let isRight =
                switch cache.lookup(key.text) {
                case .record(let held): held == record
                case .announced(let held): held.revision == record?.revision
                case .absent: record == nil
                case .miss: broker.mode == .invalidate
                case .outside: false
                }
            if !isRight {
                throw Broken(description: "\(key) at \(cut): \(cache.lookup(key.text)), truth \(record as Any)")
            }
        }
    }

    private func checkClaims(_ cut: Revision, _ lineage: Lineage) throws {
        func visible(_ time: Int64) -> Revision {
            guard let entry = visibleAt.last(where: { $0.time < time }), entry.lineage == lineage else { return 0 }
            return entry.revision
        }
        if let asOf = machine.freshAsOf, visible(asOf.nanoseconds / 1_000_000) > cut {
            throw Broken(description: "claims to be fresh as of \(asOf.nanoseconds / 1_000_000) at \(cut)")
        }
        if !machine.isStale, visible(now - 6000) > cut { throw Broken(description: "6 s behind and not stale") }
    }
}
