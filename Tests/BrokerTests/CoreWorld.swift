import Foundation
import MembusModel
import MembusStore

@testable import MembusBroker

/// A broker's core and a store in memory, without threads or sockets: the test decides when the writer and
/// the reader have their turn.
struct CoreWorld {
    var core: BrokerCore<Int>
    let store: Store
    let writer: Writer
    let reader: Reader
    var now = Instant(nanoseconds: 1_000_000_000)
    var wall = Timestamp(milliseconds: 1_700_000_000_000)
    /// Everything that left, in order.
    var outputs: [BrokerOutput<Int>] = []
    var writes: [QueuedWrite] = []
    var reads: [QueuedRead] = []
    private var lastID: UInt64 = 0

    init(settings: CoreSettings = CoreSettings()) throws {
        store = try Store.inMemory(newLineage: 7)
        writer = try store.makeWriter()
        reader = try store.makeReader()
        core = BrokerCore(
            settings: settings, lineage: store.lineage, instance: Instance(99), visible: writer.head, nextExpiry: nil,
            random: Seeded(state: 42), now: now)
    }

    mutating func step(_ input: BrokerInput<Int>) {
        for output in core.step(input, now: now) {
            switch output {
            case .write(let write): writes.append(write)
            case .read(let read): reads.append(read)
            default: outputs.append(output)
            }
        }
    }

    @discardableResult
    mutating func ask(
        _ body: Request.Body, peer: Int = 1, instance: Instance? = Instance(99), streams: [StreamID] = []
    ) -> UInt64 {
        lastID += 1
        step(.request(
            from: peer, bytes: 100, Request(id: lastID, instance: instance, streams: streams, body: body)))
        return lastID
    }

    /// The commit thread's turn, up to the disk; what it reports is not told to the core yet.
    mutating func sync() throws -> WriteReport {
        let items = writes.compactMap { write in if case .item(let item) = write.job { item } else { nil } }
        let batch = try writer.commit(items, now: wall)
        let results = zip(writes, batch.results).map { ($0.ticket, WriteReport.Result.item($1)) }
        writes = []
        return WriteReport(
            results: results, commits: batch.commits, nextExpiry: writer.nextExpiry, sync: batch.sync)
    }

    mutating func commitAll() throws { step(.written(try sync())) }

    mutating func readAll() {
        let loop = Looker(store: store, reader: reader, inlineValueBytes: 16 << 10)
        for read in reads { step(.answered(ticket: read.ticket, loop.answer(read))) }
        reads = []
    }

    var replies: [(peer: Int, reply: Reply)] {
        outputs.compactMap { if case .reply(let peer, let reply) = $0 { (peer, reply) } else { nil } }
    }
    func reply(_ id: UInt64) -> Reply? { replies.last { $0.reply.id == id }?.reply }
    var published: [Published] {
        outputs.compactMap { if case .publish(let message) = $0 { message } else { nil } }
    }
    var events: [Event] {
        published.compactMap { if case .event(let event) = $0.content { event } else { nil } }
    }

    mutating func openSession() throws -> SessionID {
        let id = ask(.openSession(agent: "ada"))
        try commitAll()
        guard case .session(let session)? = reply(id)?.body else { throw Failure(.malformed, "no session") }
        return session
    }

    mutating func register(_ topics: String..., newest: Token? = nil) throws -> Reply.Registered {
        let filter = TopicFilter(try topics.map { try Topic($0) })
        let id = ask(.register(Request.Register(branch: .main, filter: filter, mode: .update, newest: newest)))
        readAll()
        guard case .registered(let registered)? = reply(id)?.body else { throw Failure(.malformed, "not registered") }
        return registered
    }
}

/// SplitMix64: the same numbers in every process.
struct Seeded: RandomNumberGenerator, Sendable {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func put(_ key: String, _ value: String = "x") throws -> Change {
    Change(try Key(key), .put(Put(Data(value.utf8))))
}

func transact(_ session: SessionID, _ number: UInt64, _ changes: Change...) -> Request.Body {
    .transact(
        Request.Transact(
            session: session, number: number, acknowledged: 0,
            work: .success(.transaction(Transaction(changes: changes)))))
}
