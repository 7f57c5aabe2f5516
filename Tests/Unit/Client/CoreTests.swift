import Foundation
import Testing

@testable import Membus

@Suite("The client's core")
struct CoreTests {
    @Test("a step appends what is to be done to what is there, and keeps nothing back")
    func appended() {
        let settings = ClientSettings(
            endpoint: "tcp://127.0.0.1:7401", agent: "tester", context: "c", branch: .main, timeout: .seconds(30))
        var core = ClientCore(settings: settings, seed: 1, now: Instant(nanoseconds: 0))
        var outputs = [ClientOutput.reopenRequests]
        core.step(.started, now: Instant(nanoseconds: 1), into: &outputs)
        guard case .reopenRequests = outputs.removeFirst(), case .send = outputs.removeFirst() else {
            Issue.record("\(outputs)")
            return
        }
        #expect(outputs.isEmpty)
        core.step(.tick, now: Instant(nanoseconds: 2), into: &outputs)
        #expect(outputs.isEmpty)
    }

    @Test("the broker is greeted before anything else is sent, and again after a pause")
    func greeting() throws {
        var hand = CoreHand(greeted: false)
        hand.call(1, .welcome)
        hand.call(2, .request(.status(GetStatus())))
        #expect(hand.sent.count == 1)
        hand.pass(.seconds(2), silent: true)
        #expect(hand.sent.count > 1)
        guard case .hello = try #require(hand.sent.last).body else {
            Issue.record("not a greeting")
            return
        }
        let hello = hand.takeSent()[0]
        hand.reply(to: hello, hand.welcome)
        guard case .success(.reached)? = hand.finished[1] else {
            Issue.record("not welcomed")
            return
        }
        let status = try #require(hand.takeSent().last)
        hand.reply(to: status, .status(BrokerFigures()))
        #expect(hand.finished[2] != nil)
    }

    @Test("another major version fails every call, present and to come")
    func wrongVersion() throws {
        var hand = CoreHand(greeted: false)
        hand.call(1, .welcome)
        hand.refuse(hand.takeSent()[0], .unsupportedVersion)
        hand.call(2, .request(.status(GetStatus())))
        #expect(hand.error(of: 1) is MembusError)
        #expect(hand.error(of: 2) is MembusError)
    }

    @Test("the events' endpoint has the broker's transport, and its host where it is a wildcard")
    func endpoints() {
        let offered = ["ipc:///tmp/e", "tcp://*:7402"]
        #expect(EventsEndpoint.choose(from: offered, broker: "tcp://example.org:7401") == "tcp://example.org:7402")
        #expect(EventsEndpoint.choose(from: offered, broker: "ipc:///tmp/r") == "ipc:///tmp/e")
        #expect(EventsEndpoint.choose(from: ["tcp://0.0.0.0:1"], broker: "tcp://[::1]:7401") == "tcp://[::1]:1")
        #expect(EventsEndpoint.choose(from: ["tcp://10.0.0.1:1"], broker: "tcp://h:7401") == "tcp://10.0.0.1:1")
        #expect(EventsEndpoint.choose(from: [], broker: "tcp://h:7401") == nil)
    }

    @Test(
        "of several it is the first of the family by which the broker was reached, with the zone of this machine",
        arguments: [
            (["tcp://127.0.0.1:1", "tcp://[::1]:2"], "tcp://[::1]:7401", "tcp://[::1]:2"),
            (["tcp://[::1]:2", "tcp://127.0.0.1:1"], "tcp://127.0.0.1:7401", "tcp://127.0.0.1:1"),
            (["tcp://*:1", "tcp://[::]:2"], "tcp://[2001:db8::1]:7401", "tcp://[2001:db8::1]:2"),
            (["tcp://[::]:2"], "tcp://10.0.0.1:7401", "tcp://10.0.0.1:2"),
            (["tcp://[::]:2"], "tcp://[fe80::1%wlan0]:7401", "tcp://[fe80::1%wlan0]:2"),
            (["tcp://[fe80::1%eth0]:2"], "tcp://[fe80::1%wlan0]:7401", "tcp://[fe80::1%wlan0]:2"),
            (["tcp://[fe80::1%eth0]:1", "tcp://[fd00::1]:2"], "tcp://[fd00::1]:7401", "tcp://[fd00::1]:2"),
            (["tcp://[fe80::1%eth0]:1", "tcp://host:2"], "tcp://host:7401", "tcp://host:2"),
            (["ipc:///e", "tcp://[::1]:2"], "tcp://10.0.0.1:7401", "tcp://[::1]:2"),
            (["ipc:///e"], "tcp://10.0.0.1:7401", "ipc:///e"),
        ])
    func families(offered: [String], broker: String, chosen: String) {
        #expect(EventsEndpoint.choose(from: offered, broker: broker) == chosen)
    }

    @Test("a read that gets no answer is asked again, and ends with its deadline")
    func reads() {
        var hand = CoreHand()
        hand.call(1, .request(.branches(GetBranches())), timeout: .seconds(5))
        hand.pass(.seconds(4))
        #expect(hand.takeSent().count { if case .branches = $0.body { true } else { false } } >= 3)
        hand.pass(.seconds(2))
        guard case MembusError.timeout(_, outcomeUnknown: false, _)? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }
    }

    @Test("busy is tried again, a wrong request is not")
    func refusals() throws {
        var hand = CoreHand()
        hand.call(1, .request(.branches(GetBranches())))
        hand.refuse(hand.takeSent()[0], .busy)
        #expect(hand.finished[1] == nil)
        hand.pass(.milliseconds(100))
        hand.refuse(try #require(hand.takeSent().first), .unknownBranch)
        guard case MembusError.refused(let failure)? = hand.error(of: 1) else {
            Issue.record("not refused")
            return
        }
        #expect(failure.code == .unknownBranch)
    }

    @Test("silence is reported, and so is its end; what was unanswered is then sent again")
    func silence() throws {
        var hand = CoreHand()
        hand.call(1, .request(.branches(GetBranches())), timeout: .seconds(60))
        hand.pass(.seconds(12), silent: true)
        let states = hand.others.compactMap { if case .state(let state) = $0 { state } else { nil } }
        guard case .silent? = states.last else {
            Issue.record("\(states)")
            return
        }
        #expect(hand.others.contains { if case .reopenRequests = $0 { true } else { false } })
        _ = hand.takeSent()
        hand.pass(.milliseconds(100))
        #expect(hand.takeSent().contains { if case .branches = $0.body { true } else { false } })
    }

    @Test("a full disk ends what is done by hand at once; what else was asked is tried until its time is over")
    func fullDisk() {
        for body in [Request.Body.compact(Compact()), .verify(Verify()), .backup(Backup())] {
            var hand = CoreHand()
            hand.call(1, .request(body), timeout: .seconds(600))
            hand.refuse(hand.sent.removeFirst(), .diskFull)
            guard case MembusError.refused(let failure)? = hand.error(of: 1) else {
                Issue.record("\(body) goes on")
                continue
            }
            #expect(failure.code == .diskFull)
        }
        var hand = CoreHand()
        hand.call(1, .request(.branches(GetBranches())), timeout: .seconds(5))
        hand.refuse(hand.sent.removeFirst(), .diskFull)
        #expect(hand.error(of: 1) == nil)
        hand.pass(.seconds(6))
        guard let error = hand.error(of: 1) as? MembusError else {
            _ = Issue.record("it goes on")
            return
        }
        #expect(
            error.whatHappened == "refused with diskFull (the list of branches was tried again until its time was over)"
        )
    }

    @Test("a view that another history emptied, or will empty, shows no write of that history until it has a state")
    func writesAcrossHistories() throws {
        var hand = CoreHand()
        hand.follow()
        hand.transact(1)
        let old = try #require(hand.takeTransactions().last)
        hand.commit(old.request, at: 11)
        #expect(hand.finished[1] == nil)

        // A backup is restored: another history, with lower revisions.
        (hand.lineage, hand.instance, hand.visible) = (Lineage(2), Instance(8), Position(revision: 5, hash: 50))
        hand.call(2, .request(.branches(GetBranches())))
        let branches = try #require(hand.takeSent().last)
        hand.reply(to: branches, .branches(BranchPage()))
        guard case MembusError.committedButNotSeen? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }

        // The view is still at revision 10 of the old history.
        let sent = hand.takeSent()
        hand.transact(3)
        let new = try #require(hand.takeTransactions().last)
        hand.commit(new.request, at: 6)
        #expect(hand.finished[3] == nil)

        let register = try #require(sent.last { if case .register = $0.body { true } else { false } })
        hand.reply(
            to: register, .registered(Registered(stream: hand.stream, alias: 1, generation: 1, reset: true)))
        #expect(hand.finished[3] == nil)
        for _ in 0..<5 {
            hand.serveViews()
            hand.pass(.milliseconds(100))
        }
        #expect(hand.revision(of: 3) == 6)
    }

    @Test("a transaction finishes once the own view shows it")
    func ownWrites() throws {
        var hand = CoreHand()
        hand.follow()
        hand.transact(1)
        let sent = try #require(hand.takeTransactions().first)
        hand.reply(to: sent.request, .outcome(.committed(Position(revision: 11, hash: 110))))
        #expect(hand.finished[1] == nil)
        hand.publish(11, previous: 10)
        #expect(hand.revision(of: 1) == 11)
    }

    @Test("a view that does not get there in time does not hide that the transaction is committed")
    func ownWriteUnseen() throws {
        var hand = CoreHand()
        hand.follow()
        hand.transact(1, timeout: .seconds(1))
        let sent = try #require(hand.takeTransactions().first)
        hand.reply(to: sent.request, .outcome(.committed(Position(revision: 11, hash: 110))))
        hand.pass(.seconds(2), silent: true)
        guard case MembusError.committedButNotSeen(let receipt)? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }
        #expect(receipt.revision == 11)
    }

    @Test("a linearizable read waits for what was visible at its own ping")
    func linearizable() throws {
        var hand = CoreHand()
        hand.follow()
        hand.call(1, .reach(ViewID(number: 1), .linearizable))
        let ping = try #require(hand.takeSent().last)
        hand.visible = Position(revision: 12, hash: 120)
        hand.reply(to: ping, .pong(Ping.Answer(clock: 1)))
        #expect(hand.finished[1] == nil)
        hand.publish(12, previous: 10)
        #expect(hand.finished[1] != nil)
    }

    @Test("a token of a history that the broker does not hold is refused")
    func foreignToken() throws {
        var hand = CoreHand()
        hand.follow()
        hand.waitFor(Token(lineage: Lineage(9), position: Position(revision: 3, hash: 3)))
        #expect(hand.finished[1] == nil)
        let ping = try #require(hand.takeSent().last)
        hand.reply(to: ping, .pong(Ping.Answer(clock: 1)))
        guard case MembusError.historyChanged? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.error(of: 1)))")
            return
        }
    }

    @Test("a token of the broker's new history is awaited by a view that is still of the old one")
    func tokenOfTheNewHistory() throws {
        var hand = CoreHand()
        hand.follow()
        (hand.lineage, hand.instance, hand.visible) = (Lineage(2), Instance(8), Position(revision: 5, hash: 50))
        hand.waitFor(Token(lineage: Lineage(2), position: Position(revision: 5, hash: 50)))
        let ping = try #require(hand.takeSent().last)
        hand.reply(to: ping, .pong(Ping.Answer(clock: 1)))
        #expect(hand.finished[1] == nil)
        hand.comeBack()
        guard case .success(.reached)? = hand.finished[1] else {
            Issue.record("\(String(describing: hand.finished[1]))")
            return
        }
    }

    @Test("who waited for a state of the old history is told, though the new one bears the same name")
    func waitOverAReset() throws {
        var hand = CoreHand()
        hand.follow()
        hand.waitFor(Token(lineage: Lineage(1), position: Position(revision: 12, hash: 120)))
        // A backup copied back as a file.
        (hand.instance, hand.visible) = (Instance(8), Position(revision: 20, hash: 77))
        hand.call(2, .request(.branches(GetBranches())))
        let branches = try #require(hand.takeSent().last)
        hand.reply(to: branches, .branches(BranchPage()))
        hand.comeBack()
        guard case MembusError.historyChanged? = hand.error(of: 1) else {
            Issue.record("\(String(describing: hand.finished[1]))")
            return
        }
    }

    @Test("who writes elsewhere sees his commit with its reply, which brings the bookmarks of his other views")
    func writtenElsewhere() throws {
        var hand = CoreHand()
        hand.follow(topics: ["plans/"])
        hand.transact(1, key: "notes/a")
        let (request, _) = try #require(hand.takeTransactions().last)
        #expect(request.streams == [hand.stream])
        hand.visible = Position(revision: 11, hash: 110)
        let mark = StreamBookmark(stream: hand.stream, bookmark: Bookmark(position: hand.visible, last: 10, nonce: nil))
        hand.reply(to: request, .outcome(.committed(hand.visible)), bookmarks: [mark])
        #expect(hand.revision(of: 1) == 11)
        // What its event tells needs no bookmark.
        hand.transact(2, key: "plans/a")
        #expect(try #require(hand.takeTransactions().last).request.streams.isEmpty)
    }

    @Test("two views of one stream share a subscription, and the last to leave takes it back")
    func sharedStreams() {
        var hand = CoreHand()
        hand.follow(1)
        hand.follow(2)
        func count(_ test: (ClientOutput) -> Bool) -> Int { hand.others.count(where: test) }
        #expect(count { if case .subscribe = $0 { true } else { false } } == 1)
        hand.step(.unfollow(ViewID(number: 1)))
        #expect(count { if case .unsubscribe = $0 { true } else { false } } == 0)
        hand.step(.unfollow(ViewID(number: 2)))
        #expect(count { if case .unsubscribe = $0 { true } else { false } } == 1)
    }

    private func note(_ key: String, in context: String = "c", version: Revision = 1) -> NotedRead {
        NotedRead(
            context: context, branch: .main, key: Key(unchecked: key), version: version,
            time: Timestamp(milliseconds: 0))
    }

    @Test(
        "a transaction carries what was read in its context and is not noted yet; that is noted if no commit comes of it"
    )
    func carriedReads() throws {
        var hand = CoreHand()
        func noted() -> [String] {
            hand.takeSent().flatMap { request -> [String] in
                guard case .noteReads(let notes) = request.body else { return [] }
                hand.reply(to: request, .noted(NoteReads.Answer()))
                return notes.reads.map(\.read.subject.text)
            }
        }
        hand.step(.noted([note("first")]))
        #expect(noted() == ["first"])
        hand.step(.read([note("a"), note("other", in: "d")]))
        let work = Work.transaction(
            Transaction(context: "c", changes: [Change(Key(unchecked: "k"), .put(Put(Data())))]))
        hand.call(71, .transact(work))
        let sent = try #require(hand.takeTransactions().last)
        guard case .success(.transaction(let transaction)) = sent.transact.work else {
            Issue.record("no transaction was sent")
            return
        }
        #expect(transaction.reads == [ReadVersion(.key(Key(unchecked: "a")), version: 1, isOwn: false)])
        hand.pass(.seconds(1))
        #expect(noted() == ["other"], "what a transaction carries waits for its outcome")
        hand.reply(to: sent.request, .outcome(.conflict([], at: .origin)))
        hand.pass(.milliseconds(500))
        #expect(noted() == ["a"])
    }

    @Test("what was read in no context is carried by every transaction until it is noted, and noted all the same")
    func carriedForAll() throws {
        var hand = CoreHand()
        hand.step(.read([note("a", in: "")]))
        for (number, context) in ["c", "d"].enumerated() {
            hand.call(
                UInt64(71 + number),
                .transact(
                    .transaction(
                        Transaction(context: context, changes: [Change(Key(unchecked: "k"), .put(Put(Data())))]))))
        }
        let carried = hand.takeTransactions().map { sent -> Int in
            guard case .success(.transaction(let transaction)) = sent.transact.work else { return -1 }
            return transaction.reads.count
        }
        #expect(carried == [1, 1])
        hand.pass(.seconds(1))
        #expect(
            hand.takeSent().contains {
                if case .noteReads(let notes) = $0.body {
                    notes.reads.count == 1 && notes.session != nil
                } else {
                    false
                }
            })
    }

    @Test("a transaction does not wait for what is read after it")
    func readsAfter() throws {
        var hand = CoreHand { $0.notedReadsPerRequest = 10 }
        // So many that it can't carry them.
        func burst(_ prefix: String) -> [NotedRead] {
            (0..<3000).map { note("\(prefix)/\($0)/" + String(repeating: "x", count: 80)) }
        }
        hand.step(.read(burst("before")))
        let work = Work.transaction(
            Transaction(context: "c", changes: [Change(Key(unchecked: "k"), .put(Put(Data())))]))
        hand.call(71, .transact(work))
        var (requests, later) = (0, 0)
        while hand.takeTransactions().isEmpty, requests < 3000 {
            for request in hand.takeSent() {
                guard case .noteReads = request.body else { continue }
                requests += 1
                hand.reply(to: request, .noted(NoteReads.Answer()))
            }
            later += 1
            hand.step(.noted((0..<20).map { note("later/\(later)/\($0)") }))
        }
        #expect(requests < 3000 && hand.core.session.waiting.isEmpty)
    }

    @Test("what was read of another history is put on no record of this one")
    func readsOfAnotherHistory() throws {
        var hand = CoreHand()
        hand.step(.read([note("a"), note("b")]))
        hand.call(
            71,
            .transact(
                .transaction(Transaction(context: "c", changes: [Change(Key(unchecked: "k"), .put(Put(Data())))]))))
        let sent = try #require(hand.takeTransactions().last)
        hand.step(.read([note("c")]))
        hand.lineage = Lineage(2)
        hand.refuse(sent.request, .instanceChanged)
        hand.pass(.seconds(2))
        #expect(hand.core.hasNotedAll && hand.core.notes.dropped == 0)
        for again in hand.takeTransactions() {
            guard case .success(.transaction(let transaction)) = again.transact.work else { continue }
            #expect(transaction.reads.isEmpty)
        }
        // Read again, it is told again.
        hand.step(.noted([note("a")]))
        #expect(
            hand.takeSent().contains {
                if case .noteReads(let notes) = $0.body { notes.reads.count == 1 } else { false }
            })
    }

    @Test("noted reads are sent in one request at a time, and again if it is lost")
    func notes() throws {
        var hand = CoreHand()
        hand.step(.noted([note("a")]))
        // What was noted before is not noted again.
        hand.step(.noted([note("b"), note("c"), note("a")]))
        #expect(hand.takeSent().count == 1)
        hand.pass(.seconds(2))
        let again = try #require(hand.takeSent().last { if case .noteReads = $0.body { true } else { false } })
        hand.reply(to: again, .noted(NoteReads.Answer()))
        hand.pass(.seconds(1))
        guard
            case .noteReads(let notes)? = hand.takeSent().last(where: {
                if case .noteReads = $0.body { true } else { false }
            })?.body
        else {
            Issue.record("the rest was not sent")
            return
        }
        #expect(notes.reads.count == 2)
    }

    @Test("noted reads go at once, the next ones 400 ms later, or at once if the client is leaving")
    func notesInTime() throws {
        var hand = CoreHand()
        /// How many reads are told of in requests since the last time; each is answered.
        func told() -> Int {
            hand.takeSent().reduce(0) { sum, request in
                guard case .noteReads(let notes) = request.body else { return sum }
                hand.reply(to: request, .noted(NoteReads.Answer()))
                return sum + notes.reads.count
            }
        }
        hand.step(.noted([note("a")]))
        #expect(told() == 1)
        hand.step(.noted([note("b"), note("c")]))
        hand.pass(.milliseconds(350))
        #expect(told() == 0)
        hand.pass(.milliseconds(50))
        #expect(told() == 2)
        hand.step(.noted([note("d")]))
        #expect(told() == 0 && !hand.core.hasNotedAll)
        hand.step(.leaving([note("e")]))
        #expect(told() == 2 && hand.core.hasNotedAll)
    }

    @Test("equal seeds and inputs give equal outputs")
    func determinism() {
        func transcript() -> String {
            var hand = CoreHand(seed: 5)
            hand.follow()
            for id in 1...5 { hand.transact(UInt64(id)) }
            for entry in hand.takeTransactions() { hand.refuse(entry.request, .busy) }
            hand.pass(.seconds(5))
            return hand.sent.map { "\($0.id) \($0.body.traits.name)" }.joined(separator: "\n")
        }
        #expect(transcript() == transcript())
    }
}
