import Foundation
import MembusModel
import MembusWire

@testable import MembusBroker
@testable import MembusSteppedBroker
@testable import MembusStore

// A broker's core with a real store in memory, and whatever clients may send it: a script of frames, with the turns
// of the commit thread, the readers and the clock between them.

extension FuzzTarget {
    static let broker = FuzzTarget(name: "broker", check: checkBroker, seeds: brokerSeeds, mutations: 6)
}

private func checkBroker(_ bytes: [UInt8]) throws {
    var script = Script(bytes)
    var world = try BrokerWorld()
    for _ in 0..<48 where !script.isAtEnd { try world.take(script.byte(), &script) }
    try world.settle()
    try require(world.owed.isEmpty, "requests \(world.owed.keys.sorted()) got no answer")
    let verified = try world.broker.reader.verify(visible: world.broker.core.visible.revision)
    try require(verified.problems.isEmpty, "the store is not what it was: \(verified.problems)")
}

private struct BrokerWorld {
    var broker: SteppedBroker<Int>
    /// Answers still to come, by the request's id.
    var owed: [UInt64: Int] = [:]
    var session = SessionID(0)
    var number: UInt64 = 0
    var streams: [StreamID] = []
    var lastVisible: Revision = 0
    static let instance = Instance(99)

    init() throws {
        var settings = CoreSettings()
        settings.inlineValueBytes = 64
        broker = try SteppedBroker(settings: settings, instance: Self.instance)
        try ask(Request(id: 1, body: .openSession(OpenSession(agent: "ada"))))
        try commit()
    }

    mutating func take(_ operation: UInt8, _ script: inout Script) throws {
        switch operation & 7 {
        case 0: try receive(script.piece(), isFitted: false)
        case 1, 2, 3: try receive(script.piece(), isFitted: true)
        case 4: try commit()
        case 5: try look()
        case 6: try pass(.milliseconds(Int(script.byte()) * 40))
        default:
            try commit()
            try look()
        }
    }

    /// - Parameter isFitted: what a stranger could not guess is put right.
    private mutating func receive(_ frame: [UInt8], isFitted: Bool) throws {
        let decoded = WireCodec.decodeRequest(frame)
        switch decoded.result {
        case .failure(let failure):
            owed[decoded.id, default: 0] += 1
            try step(.undecodable(from: 1, id: decoded.id, failure))
        case .success(var request):
            if isFitted { fit(&request) }
            try ask(request)
        }
    }

    private mutating func fit(_ request: inout Request) {
        request.instance = Self.instance
        for index in request.streams.indices where !streams.isEmpty {
            request.streams[index] = streams[index % streams.count]
        }
        switch request.body {
        case .transact(var transact):
            number += 1
            transact.session = session
            transact.number = number
            transact.acknowledged = min(transact.acknowledged, number - 1)
            request.body = .transact(transact)
        case .pull(var pull):
            if let last = streams.last { pull.stream = last }
            pull.from = pull.from.map { fitted($0) }
            request.body = .pull(pull)
        case .register(var register):
            register.newest = register.newest.map { fitted($0) }
            request.body = .register(register)
        default: break
        }
    }

    /// A place in this history, if its revision is one.
    private func fitted(_ token: Token) -> Token {
        let known = try? broker.reader.position(of: token.revision, visible: broker.core.visible.revision)
        return Token(lineage: broker.store.lineage, position: (known ?? nil) ?? token.position)
    }

    private mutating func ask(_ request: Request) throws {
        owed[request.id, default: 0] += 1
        try step(.request(from: 1, as: Principal(namedBy: request.body), bytes: 100, request))
    }

    // MARK: The core's outputs

    mutating func step(_ input: BrokerInput<Int>) throws { try check(broker.step(input)) }

    private mutating func check(_ outputs: [BrokerOutput<Int>]) throws {
        for output in outputs {
            switch output {
            case .reply(_, let reply): try check(reply)
            case .publish(let message):
                _ = try WireCodec.decodePublished(topic: message.topic.bytes, WireCodec.encode(message)).get()
            case .drained: throw Violation("it ended although nobody told it to")
            case .write, .read: break
            }
        }
        let visible = broker.core.visible.revision
        try require(
            visible >= lastVisible && visible <= broker.writer.head.revision, "V went from \(lastVisible) to \(visible)"
        )
        lastVisible = visible
    }

    private mutating func check(_ reply: Reply) throws {
        _ = try WireCodec.decodeReply(WireCodec.encode(reply)).get()
        owed[reply.id] = try require(owed[reply.id], "a reply to \(reply.id), which nobody asked") - 1
        if owed[reply.id] == 0 { owed[reply.id] = nil }
        switch reply.body {
        case .session(let id): session = id
        case .registered(let registered): streams.append(registered.stream)
        case .refused(let refusal):
            try requireClear(refusal.message, "\(refusal.code)")
            // A store in memory can't be backed up; nothing else may fail it.
            if refusal.code == .storeFailed, !refusal.message.contains("backed up") { throw Violation("\(refusal)") }
        default: break
        }
    }

    // MARK: Turns

    /// The commit thread's, compaction included.
    mutating func commit() throws {
        if !broker.writes.isEmpty { try step(.written(try broker.sync())) }
        while let report = try broker.compact() { try step(.written(report)) }
    }

    mutating func look() throws { try check(broker.answer()) }

    private mutating func pass(_ duration: Duration) throws {
        broker.now = broker.now + duration
        broker.wall = broker.wall.advanced(by: duration)
        try step(.tick(wall: broker.wall))
    }

    mutating func settle() throws {
        while !broker.writes.isEmpty || !broker.reads.isEmpty {
            try commit()
            try look()
        }
    }
}

private func brokerSeeds() throws -> [[UInt8]] {
    func frame(_ body: Request.Body, streams: [StreamID] = []) throws -> [UInt8] {
        [1]
            + Script.written(
                try WireCodec.encode(Request(id: 5, instance: BrokerWorld.instance, streams: streams, body: body)))
    }
    func transact(_ changes: [Change], _ preconditions: [Precondition] = [], reads: [ReadVersion] = []) throws
        -> [UInt8]
    {
        let transaction = Transaction(
            context: "c", message: "m", preconditions: preconditions, changes: changes, reads: reads)
        return try frame(
            .transact(
                Transact(
                    session: SessionID(1), number: 1, acknowledged: 0, work: .success(.transaction(transaction)))))
    }
    func fork(_ name: String, at: Revision?) throws -> [UInt8] {
        let fork = Fork(name: try BranchName(name), at: at)
        return try frame(
            .transact(Transact(session: SessionID(1), number: 1, acknowledged: 0, work: .success(.fork(fork)))))
    }
    let (a, b) = (try Key("plans/a"), try Key("plans/b"))
    let put = Change(a, .put(Put(Data("x".utf8), attributes: ["by": "ada"], links: [Link(relation: "of", target: b)])))
    let brief = Change(b, .put(Put(Data("1".utf8), kind: .counter, expiry: .after(.milliseconds(500)))))
    let turn: [UInt8] = [7]
    let everything = TopicFilter.everything
    let place = Position(revision: 1, hash: 0)
    let token = Token(lineage: Lineage(7), position: place)
    let retrieval: [Request.Body] = [
        .query(Query(sql: "SELECT * FROM records JOIN links ON source = key")), .search(Search(question: "x")),
        .recall(Recall(question: "x")), .links(GetLinks(keys: [a])), .reindex(Reindex()),
    ]
    return [
        try transact([put]) + turn + retrieval.flatMap { try frame($0) } + turn,
        try transact([put, brief]) + turn + transact([Change(b, .increment(.max)), Change(a, .append(Data("y".utf8)))])
            + turn
            + [6, 100] + turn,
        try transact([put], [.absent(a)])
            + transact([put], [.absent(a), .at(a, 1), .unchanged(Topic("plans/"), since: 0)]) + turn
            + transact([], [.at(a, 1)], reads: [ReadVersion(key: a, version: 1)]) + turn,
        try frame(.register(Register(branch: .main, filter: everything, mode: .update, newest: nil))) + turn
            + frame(.ping(Ping(nonce: 5)), streams: [StreamID(high: 1, low: 1)]) + transact([put]) + turn
            + frame(.pull(Pull(stream: StreamID(high: 1, low: 1), from: token, atLeast: 1, page: nil))) + turn
            + frame(
                .pull(
                    Pull(
                        stream: StreamID(high: 1, low: 1), from: token, atLeast: 0,
                        page: PageToken(content: .changes(base: place, after: .end(of: 1)), target: place)))) + turn,
        try transact([put]) + turn + fork("try", at: 1) + turn
            + frame(.get(Get(branch: BranchName("try"), keys: [a, b], at: place)))
            + frame(.range(GetRange(branch: .main, filter: everything, at: 1, after: a, limit: 1, keysOnly: true)))
            + frame(.history(GetHistory(branch: .main, key: a, before: 9, limit: 3))) + frame(.branches(GetBranches()))
            + frame(
                .diff(
                    GetDiff(
                        from: BranchState(.main, at: 1), to: BranchState(BranchName("try")), filter: everything,
                        cursor: DiffCursor(branch: .main, place: .end(of: 1)), limit: 1)))
            + frame(
                .diff(
                    GetDiff(
                        from: BranchState(.main, .back(1)), to: BranchState(.main, .time(Timestamp(milliseconds: 4))),
                        filter: everything, cursor: DiffCursor(branch: .main, place: .end(of: .max)))))
            + turn,
        try transact([Change(a, .put(Put(Data("{}".utf8), kind: .json)))])
            + transact([Change(a, .mergePatch(Data(#"{"a":{"b":1}}"#.utf8)))])
            + transact([Change(a, .mergePatch(Data("[1".utf8)))]) + turn
            + frame(
                .log(
                    GetLog(
                        branch: .main, filter: everything, agent: "ada", context: "c",
                        since: Timestamp(milliseconds: 1),
                        until: Timestamp(milliseconds: .max), ascending: true,
                        cursor: LogCursor(revision: 1, ordinal: 0), basis: place,
                        limit: 2, values: true))) + turn,
        try transact([put]) + turn + transact([Change(a, .delete)]) + turn + frame(.compact(Compact(below: 2)))
            + turn
            + frame(.verify(Verify())) + frame(.digest(Digest(branch: .main, topics: everything, at: 2)))
            + frame(.status(GetStatus())) + turn
            + frame(
                .noteReads(
                    NoteReads(
                        agent: "ada",
                        reads: [
                            NotedRead(
                                context: "c", branch: .main, key: a, version: 1, time: Timestamp(milliseconds: 4))
                        ]))) + turn,
        try frame(.compact(Compact(olderThan: .milliseconds(1), below: nil)))
            + frame(.backup(Backup(id: 1, offset: 0, done: false)))
            + frame(.hello(Hello(agent: "x"))) + [0] + Script.written([8, 2, 16, 9]) + turn,
    ]
}
