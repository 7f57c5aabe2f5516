import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("What followed from it")
struct ImpactTests {
    private let trial = BranchName(unchecked: "trial")

    private func write(
        _ world: World, _ key: String, _ value: String, context: String = "", on branch: BranchName = .main,
        requiring: [Precondition] = [], reading: [ReadVersion] = []
    ) throws -> Revision {
        let transaction = Transaction(
            branch: branch, context: context, preconditions: requiring,
            changes: [Change(Key(unchecked: key), .put(Put(Data(value.utf8))))], reads: reading)
        return try world.revision(world.write(.transaction(transaction)))
    }

    private func derived(_ impact: Impact) -> [Revision] {
        impact.commits.filter { $0.edges.contains { $0.reason != .seed } }.map(\.commit.revision)
    }

    private func impact(
        _ world: World, _ key: String, _ revision: Revision, except: [Revision] = [], own: Bool = false
    ) throws -> Impact {
        try world.reader.impact(
            GetImpact(versions: [VersionName(Key(unchecked: key), at: revision)], excluded: except, ownOnly: own),
            visible: world.head)
    }

    @Test(
        "what read it, what required it, and what its context wrote later derives, through others and on other branches"
    )
    func chain() throws {
        let world = try World()
        let lie = try write(world, "facts/visa", "none", context: "scouting")
        let visa = Key(unchecked: "facts/visa")
        let plan = try write(world, "plan", "fly", context: "planning", reading: [ReadVersion(key: visa, version: lie)])
        try world.fork("trial")
        let booking = try write(
            world, "booking", "x", context: "booking", on: trial, requiring: [.at(Key(unchecked: "plan"), plan)])
        let other = try write(world, "other", "x", context: "elsewhere")
        let late = try write(world, "late", "x", context: "planning")
        let found = try impact(world, "facts/visa", lie)
        #expect(derived(found) == [plan, booking, late])
        let edges = found.commits.flatMap(\.edges)
        #expect(
            edges == [
                .init(.seed, VersionName(visa, at: lie)), .init(.read, VersionName(visa, at: lie)),
                .init(.required, VersionName(Key(unchecked: "plan"), at: plan)),
                .init(.context, VersionName(visa, at: lie)),
            ])
        #expect(found.unjudged == [other])
        #expect(try derived(impact(world, "facts/visa", lie, own: true)) == [plan, booking])
        // A good commit spreads nothing; that its context has read the lie stands for itself.
        #expect(try derived(impact(world, "facts/visa", lie, except: [plan])) == [late])
    }

    @Test("increments, merges and rollbacks carry it on; a commit that reads what they made derives")
    func carried() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(100)))
        let lie = world.head
        try world.fork("trial")
        _ = try world.write(.change("n", .increment(1), on: trial))
        try world.put("n2", "x", on: trial)
        _ = try world.write(.merge(Merge(trial)))
        let merged = world.head
        _ = try write(world, "report", "x", reading: [ReadVersion(key: Key(unchecked: "n"), version: merged)])
        #expect(try derived(impact(world, "n", lie, own: true)) == [world.head])
    }

    @Test("a topic that showed it, and the absence that its deletion made, are required too")
    func topics() throws {
        let world = try World()
        let lie = try write(world, "facts/visa", "none", context: "scouting")
        let listed = try write(
            world, "a", "x", context: "lister", requiring: [.unchanged(Topic(unchecked: "facts/"), since: lie)])
        try world.put("gone", "x")
        _ = try world.revision(
            world.write(
                .transaction(
                    Transaction(
                        context: "deleter", changes: [Change(Key(unchecked: "gone"), .delete)],
                        reads: [ReadVersion(key: Key(unchecked: "facts/visa"), version: lie)]))))
        let deletion = world.head
        let claimed = try write(world, "gone", "y", context: "claimer", requiring: [.absent(Key(unchecked: "gone"))])
        #expect(try derived(impact(world, "facts/visa", lie)) == [listed, deletion, claimed])
    }

    @Test("who has read it by a note and written nothing since is told of; once he writes, his commit derives")
    func readers() throws {
        let world = try World()
        let lie = try write(world, "facts/visa", "none", context: "scouting")
        let note = NotedRead(
            context: "draft-3", branch: .main, key: Key(unchecked: "facts/visa"), version: lie, time: world.now)
        _ = try world.writer.write([.noteReads(NoteReads(agent: "writer", reads: [note]))], at: world.now)
        let silent = try impact(world, "facts/visa", lie)
        #expect(silent.readers.map(\.agent) == ["writer"] && derived(silent).isEmpty)
        let session = SessionID(78)
        world.now = Timestamp(milliseconds: world.now.milliseconds + 10)
        let work = Work.transaction(
            Transaction(context: "draft-3", changes: [Change(Key(unchecked: "b"), .put(Put(Data("x".utf8))))]))
        let transact = Transact(session: session, number: 1, acknowledged: 0, work: .success(work))
        _ = try world.writer.write(
            [.openSession(session, agent: "writer"), .transact(transact, fingerprint: work.fingerprint)], at: world.now)
        let told = try impact(world, "facts/visa", lie)
        #expect(told.readers.isEmpty && derived(told) == [world.head])
    }

    @Test("a list that showed it, the absence that its deletion made, and what was read before in the context count")
    func waysOfReading() throws {
        let world = try World()
        let (visa, gone) = (Key(unchecked: "facts/visa"), Key(unchecked: "gone"))
        try world.put("first", "x")
        let lie = try write(world, "facts/visa", "none", context: "scouting")
        try world.put("gone", "x")
        let deletion = try world.revision(
            world.write(
                .transaction(
                    Transaction(
                        context: "deleting", changes: [Change(gone, .delete)],
                        reads: [ReadVersion(key: visa, version: lie)]))))
        try world.fork("trial")
        let topic = ReadVersion.Subject.topic(Topic(unchecked: "facts/"))
        let listed = try write(
            world, "a", "x", context: "one", reading: [ReadVersion(topic, cut: lie)])
        let early = try write(world, "b", "x", context: "two", reading: [ReadVersion(topic, cut: lie - 1)])
        let absent = try write(world, "c", "x", context: "three", reading: [ReadVersion(.key(gone), cut: deletion)])
        let elsewhere = try write(
            world, "d", "x", context: "four",
            reading: [ReadVersion(topic, on: trial, cut: deletion, isOwn: false)])
        let found = try impact(world, "facts/visa", lie)
        #expect(derived(found) == [deletion, listed, absent, elsewhere] && !derived(found).contains(early))
        let edges = found.commits.flatMap(\.edges).filter { $0.topic != nil }
        #expect(edges.map(\.reason) == [.read, .context])
        // What was read before in the context is none of the commit's own reads.
        #expect(try derived(impact(world, "facts/visa", lie, own: true)) == [deletion, listed, absent])
    }

    @Test("what was noted before a commit counts for it, and what was noted after it does not; lost reads are told")
    func order() throws {
        let world = try World()
        let lie = try write(world, "facts/visa", "none", context: "scouting")
        func note(_ context: String, dropped: Int = 0) throws {
            // Whatever the reader's clock says.
            let read = NotedRead(
                context: context, branch: .main, key: Key(unchecked: "facts/visa"), version: lie,
                time: Timestamp(milliseconds: dropped == 0 ? 1 : .max / 2))
            _ = try world.writer.write(
                [.noteReads(NoteReads(agent: "ada", reads: [read], dropped: dropped))], at: world.now)
        }
        let before = try write(world, "a", "1", context: "trip")
        try note("trip", dropped: 2)
        let after = try write(world, "a", "2", context: "trip")
        let found = try impact(world, "facts/visa", lie)
        #expect(derived(found) == [after] && before < after && found.lostReads == 2)
        try note("late")
        #expect(try impact(world, "facts/visa", lie).readers.map(\.context) == ["late"])
    }

    @Test("who names no context is told apart by session")
    func sessions() throws {
        let world = try World()
        let lie = try write(world, "facts/visa", "none", context: "scouting")
        let read = NotedRead(
            context: "", branch: .main, key: Key(unchecked: "facts/visa"), version: lie, time: world.now)
        _ = try world.writer.write(
            [.noteReads(NoteReads(agent: "ada", session: SessionID(99), reads: [read]))], at: world.now)
        let other = try write(world, "a", "1")
        #expect(try derived(impact(world, "facts/visa", lie)).isEmpty)
        _ = try world.writer.write(
            [.noteReads(NoteReads(agent: "ada", session: world.session, reads: [read]))], at: world.now)
        let own = try write(world, "a", "2")
        #expect(try derived(impact(world, "facts/visa", lie)) == [own] && other < own)
        // What a session read in no context counts for all that it does.
        let named = try write(world, "a", "3", context: "trip")
        #expect(try derived(impact(world, "facts/visa", lie)) == [own, named])
        #expect(try impact(world, "facts/visa", lie).readers.map(\.agent) == ["ada"], "the other session's")
    }

    @Test("all that an agent wrote after a revision can be asked about, in one context or in all")
    func author() throws {
        let world = try World()
        let before = try write(world, "a", "1", context: "scouting")
        let lie = try write(world, "facts", "x", context: "scouting")
        let read = ReadVersion(key: Key(unchecked: "facts"), version: lie)
        let plan = try write(world, "plan", "fly", context: "planning", reading: [read])
        func impact(_ agent: String?, _ context: String?, since: Revision) throws -> Impact {
            try world.reader.impact(
                GetImpact(versions: [], by: Authorship(agent: agent, context: context, since: since)),
                visible: world.head)
        }
        #expect(try impact("ada", "scouting", since: before).commits.map(\.commit.revision) == [lie, plan])
        #expect(try derived(impact("ada", "scouting", since: before)) == [plan])
        #expect(try derived(impact(nil, nil, since: 0)) == [plan])
        #expect(try impact("bob", nil, since: 0).commits.isEmpty)
        #expect(try impact("ada", nil, since: plan).commits.isEmpty)
        try world.compact(to: lie)
        #expect(throws: Refusal.self) { try impact("ada", nil, since: before) }
    }

    @Test("all that a commit wrote can be asked about; what is no longer kept, or was not written, is refused")
    func refusals() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        let whole = try world.reader.impact(GetImpact(versions: [], revisions: [2]), visible: world.head)
        #expect(whole.commits.map(\.commit.revision) == [2] && whole.commits[0].keys.map(\.text) == ["a"])
        func code(_ key: String, _ revision: Revision) -> Refusal.Code? {
            do {
                _ = try impact(world, key, revision)
                return nil
            } catch { return (error as? Refusal)?.code }
        }
        #expect(code("b", 2) == .invalidArgument && code("a", 3) == .beyondHead)
        try world.compact(to: 2)
        #expect(code("a", 1) == .belowFloor)
    }

    @Test("what derived below the floor is left out on request, and from where on it was looked for is told")
    func belowFloor() throws {
        let world = try World()
        let lie = try write(world, "facts", "x", context: "scouting")
        let facts = Key(unchecked: "facts")
        let plan = try write(world, "plan", "fly", context: "one", reading: [ReadVersion(key: facts, version: lie)])
        try world.compact(to: plan)
        _ = try write(
            world, "lost", "x", context: "two", reading: [ReadVersion(key: Key(unchecked: "plan"), version: plan)])
        let late = try write(world, "late", "x", context: "three", reading: [ReadVersion(key: facts, version: lie)])
        #expect(throws: Refusal.self) { try impact(world, "facts", lie) }
        let name = VersionName(facts, at: lie)
        for asked in [
            GetImpact(versions: [name], belowFloor: true), GetImpact(versions: [], revisions: [lie], belowFloor: true),
        ] {
            let found = try world.reader.impact(asked, visible: world.head)
            #expect(derived(found) == [late] && found.since == plan)
        }
        let kept = GetImpact(versions: [], revisions: [late], belowFloor: true)
        #expect(try world.reader.impact(kept, visible: world.head).since == 0)
    }

    @Test("in pieces as small as may be it comes to the same")
    func pieces() throws {
        let world = try World()
        let lie = try write(world, "a", "1", context: "c")
        for number in 0..<30 { _ = try write(world, "k\(number)", "x", context: number % 2 == 0 ? "c" : "d") }
        // Lists are compared with all that is bad, key by key.
        let list = ReadVersion(.topic(Topic(unchecked: "k29/")), cut: world.head)
        let all = ReadVersion(.topic(Topic(unchecked: "/")), cut: world.head)
        let notes = [list, all].map { NotedRead(context: "e", $0, at: world.now) }
        _ = try world.writer.write([.noteReads(NoteReads(agent: "ada", reads: notes))], at: world.now)
        _ = try write(world, "noted", "x", context: "e")
        _ = try write(world, "listed", "x", context: "f", reading: [list, all])
        _ = try write(world, "required", "x", requiring: [.unchanged(Topic(unchecked: "noted/"), since: world.head)])
        let asked = GetImpact(versions: [VersionName(Key(unchecked: "a"), at: lie)])
        var read = ImpactRead(asked)
        var found: Impact?
        while found == nil { found = try world.reader.step(&read, looking: 1, visible: world.head) }
        #expect(try found == world.reader.impact(asked, visible: world.head) && found?.commits.count == 18)
    }
}
