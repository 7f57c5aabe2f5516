import Foundation
import MembusModel
import Testing

@testable import MembusBroker
@testable import MembusSteppedBroker

@Suite struct CoreTests {
    @Test("a durable commit is shown to nobody before it is published, and replied only after")
    func order() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        let stream = try world.register("plans/")
        let id = world.ask(transact(session, 1, try put("plans/a")))
        let report = try world.broker.sync()

        let get = world.ask(.get(Get(branch: .main, keys: [try Key("plans/a")])), streams: [stream.stream])
        world.readAll()
        #expect(world.reply(get)?.visible.revision == 0)
        #expect(world.reply(get)?.bookmarks.first?.bookmark?.position.revision == 0)
        guard case .records(let records)? = world.reply(get)?.body else { throw Refusal(.malformed, "no records") }
        let isNothingShown = records.records.allSatisfy(\.isDeleted)
        #expect(isNothingShown)

        world.outputs = []
        world.step(.written(report))
        guard world.outputs.count == 2, case .publish = world.outputs[0], case .reply(_, let reply) = world.outputs[1]
        else { throw Refusal(.malformed, "not published before the reply: \(world.outputs)") }
        #expect(reply.id == id && reply.visible.revision == 1)
        #expect(world.events.map(\.revision) == [1])
    }

    @Test("a transaction for another instance, or for none, is not executed")
    func otherInstance() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        for instance in [Instance(1), nil] {
            let id = world.ask(transact(session, 1, try put("a")), instance: instance)
            guard case .refused(let refusal)? = world.reply(id)?.body else { throw Refusal(.malformed, "no refusal") }
            #expect(refusal.code == .instanceChanged)
            #expect(world.broker.writes.isEmpty)
        }
    }

    @Test("compaction below what is not there yet is refused and names the head; up to the head it is taken")
    func compactBeyondHead() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        world.ask(transact(session, 1, try put("a")))
        try world.commitAll()
        let beyond = world.ask(.compact(Compact(below: 2)))
        guard case .refused(let refusal)? = world.reply(beyond)?.body else { throw Refusal(.malformed, "no refusal") }
        #expect(refusal.code == .beyondHead && refusal.message.contains("the head is 1"))
        #expect(world.broker.writes.isEmpty)
        world.ask(.compact(Compact(below: 1)))
        #expect(world.broker.writes.count == 1)
    }

    @Test("a transaction that its shape forbids takes its turn in the session")
    func shapeTakesTurn() throws {
        var settings = CoreSettings()
        settings.limits.valueBytes = 4
        var world = try CoreWorld(settings: settings)
        let session = try world.openSession()
        let tooLong = world.ask(transact(session, 1, try put("a", "12345")))
        let good = world.ask(transact(session, 2, try put("b", "1")))
        try world.commitAll()
        guard case .refused(let refusal)? = world.reply(tooLong)?.body else { throw Refusal(.malformed, "no refusal") }
        #expect(refusal.code == .limitExceeded)
        #expect(refusal.message.contains("valueBytes") && refusal.message.contains("\"a\""))
        guard case .outcome(.committed(let position))? = world.reply(good)?.body else {
            throw Refusal(.malformed, "the next number was not executed")
        }
        #expect(position.revision == 1)
    }

    @Test("a full queue is a clear busy, and pings are answered even then")
    func busy() throws {
        var settings = CoreSettings()
        settings.writesWaiting = 2
        var world = try CoreWorld(settings: settings)
        let session = try world.openSession()
        world.ask(transact(session, 1, try put("a")))
        world.ask(transact(session, 2, try put("a")))
        let third = world.ask(transact(session, 3, try put("a")))
        guard case .refused(let refusal)? = world.reply(third)?.body else { throw Refusal(.malformed, "no refusal") }
        #expect(refusal.code == .busy)
        let ping = world.ask(.ping(Ping(nonce: 5)))
        guard case .pong? = world.reply(ping)?.body else { throw Refusal(.malformed, "no pong") }
        try world.commitAll()
        let again = world.ask(transact(session, 3, try put("a")))
        try world.commitAll()
        guard case .outcome(.committed)? = world.reply(again)?.body else { throw Refusal(.malformed, "not committed") }
    }

    @Test("what is planned is planned by a reader first; what its session asks for next waits behind it, others do not")
    func planning() throws {
        var world = try CoreWorld()
        let (session, other) = (try world.openSession(), try world.openSession())
        world.ask(transact(session, 1, try put("a")))
        try world.commitAll()
        let revert = Request.Body.transact(
            Transact(session: session, number: 2, acknowledged: 0, work: .success(.revert(Revert(revisions: [1])))))
        let undo = world.ask(revert)
        #expect(world.broker.reads.count == 1 && world.broker.writes.isEmpty)
        let behind = world.ask(transact(session, 3, try put("b")))
        // Nothing that it reads, or ends, overtakes what it asked for before.
        let read = NotedRead(
            context: "c", branch: .main, key: try Key("a"), version: 1, time: Timestamp(milliseconds: 0))
        let note = world.ask(.noteReads(NoteReads(agent: "ada", session: session, reads: [read])))
        let close = world.ask(.closeSession(CloseSession(session: session)))
        // A repeat takes the place of what it repeats.
        let again = world.ask(revert)
        let waiting = world.broker.core.writesWaiting
        let behindAgain = world.ask(transact(session, 3, try put("b")))
        #expect(world.broker.core.writesWaiting == waiting)
        let free = world.ask(transact(other, 1, try put("c")))
        #expect(world.broker.writes.count == 1)
        try world.commitAll()
        #expect(revision(world.reply(free)) == 2 && world.reply(undo) == nil && world.reply(behind) == nil)
        world.readAll()
        #expect(world.broker.writes.count == 4 && world.broker.reads.isEmpty)
        try world.commitAll()
        #expect(revision(world.reply(again)) == 3 && revision(world.reply(behindAgain)) == 4)
        #expect(world.reply(undo) == nil && world.reply(behind) == nil)
        #expect(world.reply(note) != nil && world.reply(close) != nil)
        #expect(world.broker.core.writesWaiting == 0 && world.broker.core.writeBytesWaiting == 0)
        #expect(world.broker.core.planning.isEmpty)
    }

    private func revision(_ reply: Reply?) -> Revision? {
        guard case .outcome(let outcome)? = reply?.body else { return nil }
        return outcome.commit?.revision
    }

    @Test("what is under way is not done again for a repeat of the request, and is answered once")
    func repeats() throws {
        var world = try CoreWorld()
        let bodies: [Request.Body] = [
            .range(GetRange(branch: .main, filter: .everything)), .digest(Digest(branch: .main, topics: .everything)),
            .get(Get(branch: .main, keys: [try Key("a")])), .log(GetLog(branch: nil)), .verify(Verify()),
            .diff(GetDiff(from: BranchState(.main), to: BranchState(.main), filter: .everything)),
            .impact(GetImpact(versions: [], revisions: [1])),
            .plan(GetPlan(.revert(Revert(revisions: [1])))),
        ]
        for body in bodies {
            let id = world.ask(body)
            world.ask(body, id: id)
            #expect(world.broker.reads.count == 1)
            // Another request under the same number is another request, and so is the same one of another peer.
            world.ask(.branches(GetBranches()), id: id)
            world.ask(body, peer: 2, id: id)
            #expect(world.broker.reads.count == 3)
            world.readAll()
            #expect(world.replies.filter { $0.peer == 1 && $0.reply.id == id }.count == 2)
            // Its answer may be lost: whoever asks after it is answered again.
            world.ask(body, id: id)
            #expect(world.broker.reads.count == 1)
            world.readAll()
        }
        let session = world.ask(.openSession(OpenSession(agent: "ada")))
        world.ask(.openSession(OpenSession(agent: "ada")), id: session)
        #expect(world.broker.writes.count == 1)
    }

    @Test("a repeat of what is under way is not told that the broker is busy")
    func repeatOfBusy() throws {
        var settings = CoreSettings()
        settings.readsWaiting = 1
        var world = try CoreWorld(settings: settings)
        let id = world.ask(.digest(Digest(branch: .main, topics: .everything)))
        world.ask(.digest(Digest(branch: .main, topics: .everything)), id: id)
        #expect(world.reply(id) == nil)
        world.readAll()
        guard case .digest? = world.reply(id)?.body else { throw Refusal(.malformed, "no digest") }
    }

    @Test("a view's next attempt of a pull that is under way has the answer of that one")
    func repeatedPull() throws {
        var world = try CoreWorld()
        let stream = try world.register("plans/")
        let pull = Request.Body.pull(Pull(stream: stream.stream, from: nil))
        let attempts = [world.ask(pull), world.ask(pull), world.ask(pull)]
        #expect(world.broker.reads.count == 1)
        world.ask(.pull(Pull(stream: stream.stream, from: nil, atLeast: 0, page: nil)), peer: 2)
        #expect(world.broker.reads.count == 2)
        world.readAll()
        for id in attempts {
            guard case .page? = world.reply(id)?.body else { throw Refusal(.malformed, "no page") }
        }
        world.ask(pull)
        #expect(world.broker.reads.count == 1)
    }

    @Test("a ping is answered on the events' socket with its nonce, and in the reply")
    func ping() throws {
        var world = try CoreWorld()
        let stream = try world.register("plans/")
        let id = world.ask(.ping(Ping(nonce: 77)), streams: [stream.stream])
        guard case .bookmark(let bookmark)? = world.published.last?.content else { throw Refusal(.malformed, "none") }
        #expect(bookmark.nonce == 77)
        #expect(world.reply(id)?.bookmarks.first?.bookmark?.nonce == nil)
    }

    @Test("a bookmark for an unknown stream says so")
    func unknownStream() throws {
        var world = try CoreWorld()
        let id = world.ask(.ping(Ping(nonce: 1)), streams: [StreamID(high: 1, low: 2)])
        #expect(world.reply(id)?.bookmarks.count == 1)
        #expect(world.reply(id)?.bookmarks.first?.bookmark == nil)
    }

    @Test("a registration that names a state of this history keeps it, one of another is told to reset")
    func registration() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        for number in 1...3 { world.ask(transact(session, UInt64(number), try put("a", "\(number)"))) }
        try world.commitAll()
        guard let true2 = try world.broker.reader.position(of: 2, visible: 3) else {
            throw Refusal(.malformed, "no position")
        }
        let mine = Token(lineage: world.broker.store.lineage, position: true2)
        let ofMine = try world.register("/", newest: mine)
        #expect(!ofMine.reset)
        let other = Token(lineage: world.broker.store.lineage, position: Position(revision: 2, hash: true2.hash &+ 1))
        let ofOther = try world.register("/", newest: other)
        #expect(ofOther.reset)
        let ahead = Token(lineage: world.broker.store.lineage, position: Position(revision: 9, hash: 1))
        let ofAhead = try world.register("/", newest: ahead)
        #expect(ofAhead.reset)
        let ofLineage = try world.register("/", newest: Token(lineage: Lineage(1), position: true2))
        #expect(ofLineage.reset)
    }

    @Test("a registration of an unknown branch fails")
    func unknownBranch() throws {
        var world = try CoreWorld()
        let id = world.ask(
            .register(
                Register(branch: try BranchName("nowhere"), filter: .everything, mode: .update, newest: nil)))
        world.readAll()
        guard case .refused(let refusal)? = world.reply(id)?.body else { throw Refusal(.malformed, "no refusal") }
        #expect(refusal.code == .unknownBranch)
    }

    @Test("a pull beyond V is refused for the moment")
    func pullBeyondVisible() throws {
        var world = try CoreWorld()
        let stream = try world.register("/")
        let id = world.ask(.pull(Pull(stream: stream.stream, from: nil, atLeast: 1)))
        guard case .refused(let refusal)? = world.reply(id)?.body else { throw Refusal(.malformed, "no refusal") }
        #expect(refusal.code == .notYetVisible)
    }

    @Test("what has expired is deleted by a commit of the broker, seen by streams")
    func expiry() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        _ = try world.register("/")
        let claim = Change(try Key("tasks/1"), .put(Put(Data("ada".utf8), expiry: .after(.seconds(10)))))
        world.ask(transact(session, 1, claim))
        try world.commitAll()
        func pass(_ time: Duration) {
            world.broker.now = world.broker.now + time
            world.broker.wall = world.broker.wall.advanced(by: time)
        }
        pass(.seconds(9))
        world.step(.tick(wall: world.broker.wall))
        #expect(world.broker.writes.isEmpty)
        pass(.seconds(2))
        world.step(.tick(wall: world.broker.wall))
        try world.commitAll()
        #expect(world.events.last?.records.map(\.isDeleted) == [true])
        #expect(world.broker.core.visible.revision == 2)
    }

    @Test("stopping refuses what is new and drains what is under way")
    func stop() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        let id = world.ask(transact(session, 1, try put("a")))
        world.step(.stop)
        let late = world.ask(transact(session, 2, try put("a")))
        guard case .refused(let refusal)? = world.reply(late)?.body else { throw Refusal(.malformed, "no refusal") }
        #expect(refusal.code == .shuttingDown)
        #expect(!world.broker.core.isDrained)
        try world.commitAll()
        guard case .outcome(.committed)? = world.reply(id)?.body else { throw Refusal(.malformed, "not committed") }
        guard case .drained? = world.outputs.last else { throw Refusal(.malformed, "not drained") }
    }

    @Test("a heartbeat follows the data and says what changed")
    func heartbeat() throws {
        var world = try CoreWorld()
        let session = try world.openSession()
        let stream = try world.register("plans/")
        world.ask(transact(session, 1, try put("plans/a")))
        try world.commitAll()
        world.broker.now = world.broker.now + .milliseconds(300)
        world.step(.tick(wall: world.broker.wall))
        guard case .heartbeat(let beat)? = world.published.last?.content else { throw Refusal(.malformed, "none") }
        #expect(beat.position.revision == 1)
        #expect(beat.changed == [Heartbeat.Entry(alias: stream.alias, last: 1)])
    }
}
