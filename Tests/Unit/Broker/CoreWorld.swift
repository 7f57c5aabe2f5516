import Foundation
import MembusModel

@testable import MembusBroker
@testable import MembusSteppedBroker

/// A stepped broker whose peers have numbers, and everything that left it.
struct CoreWorld {
    var broker: SteppedBroker<Int>
    /// In order.
    var outputs: [BrokerOutput<Int>] = []
    private var lastID: UInt64 = 0

    init(settings: CoreSettings = CoreSettings()) throws {
        broker = try SteppedBroker(settings: settings)
    }

    mutating func step(_ input: BrokerInput<Int>) { outputs += broker.step(input) }

    @discardableResult
    mutating func ask(
        _ body: Request.Body, peer: Int = 1, instance: Instance? = Instance(99), streams: [StreamID] = [],
        id: UInt64? = nil
    ) -> UInt64 {
        if id == nil { lastID += 1 }
        let id = id ?? lastID
        step(
            .request(
                from: peer, as: Principal(namedBy: body), bytes: 100,
                Request(id: id, instance: instance, streams: streams, body: body)))
        return id
    }

    mutating func commitAll() throws { step(.written(try broker.sync())) }

    mutating func readAll() { outputs += broker.answer() }

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
        let id = ask(.openSession(OpenSession(agent: "ada")))
        try commitAll()
        guard case .session(let session)? = reply(id)?.body else { throw Refusal(.malformed, "no session") }
        return session
    }

    mutating func register(_ topics: String..., newest: Token? = nil) throws -> Registered {
        let filter = TopicFilter(try topics.map { try Topic($0) })
        let id = ask(.register(Register(branch: .main, filter: filter, mode: .update, newest: newest)))
        readAll()
        guard case .registered(let registered)? = reply(id)?.body else { throw Refusal(.malformed, "not registered") }
        return registered
    }
}

func put(_ key: String, _ value: String = "x") throws -> Change {
    Change(try Key(key), .put(Put(Data(value.utf8))))
}

func transact(_ session: SessionID, _ number: UInt64, _ changes: Change...) -> Request.Body {
    .transact(
        Transact(
            session: session, number: number, acknowledged: 0,
            work: .success(.transaction(Transaction(changes: changes)))))
}
