import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Cascades, quarantine, parked conflicts, picks and plans")
struct UndoingTests {
    private let trial = BranchName(unchecked: "trial")

    private func key(_ text: String) -> Key { Key(unchecked: text) }
    private func name(_ text: String, _ revision: Revision) -> VersionName { VersionName(key(text), at: revision) }

    private func outcome(_ world: World, _ work: Work) throws -> Outcome {
        let result = try world.write(work).results[0]
        guard let outcome = result.outcome else { throw Unexpected("refused: \(String(describing: result.refusal))") }
        return outcome
    }

    private func refusal(_ world: World, _ work: Work) throws -> Refusal {
        try #require(try world.write(work).results[0].refusal)
    }

    private func conflicts(_ outcome: Outcome) throws -> [MergeConflict] {
        guard case .unsettled(let conflicts, _, _) = outcome else { throw Unexpected("\(outcome)") }
        return conflicts
    }

    private func report(_ outcome: Outcome) throws -> MergeReport {
        guard case .merged(_, let report) = outcome else { throw Unexpected("\(outcome)") }
        return report
    }

    private func isHeld(_ outcome: Outcome) -> Bool { if case .held = outcome { true } else { false } }

    private func write(
        _ world: World, _ text: String, _ value: String, context: String = "", on branch: BranchName = .main,
        requiring: [Precondition] = [], reading: [VersionName] = []
    ) throws -> Revision {
        let transaction = Transaction(
            branch: branch, context: context, preconditions: requiring,
            changes: [Change(key(text), .put(Put(Data(value.utf8))))],
            reads: reading.map { ReadVersion(key: $0.key, version: $0.revision) })
        return try world.revision(world.write(.transaction(transaction)))
    }

    // MARK: Cascades

    /// A lie, what was built on it on two branches, and something that was not.
    private func deceived() throws -> (world: World, lie: Revision) {
        let world = try World()
        try world.put("facts", "not known")
        try world.put("plan", "first idea")
        let lie = try write(world, "facts", "lie", context: "scouting")
        let plan = try write(world, "plan", "fly", context: "planning", reading: [name("facts", lie)])
        try world.fork("trial")
        _ = try write(world, "notes", "cheap", context: "review", on: trial, requiring: [.at(key("plan"), plan)])
        _ = try write(world, "other", "x", context: "elsewhere")
        return (world, lie)
    }

    @Test("a cascade undoes what derived, on each branch that shows it, and nothing else")
    func cascade() throws {
        let (world, lie) = try deceived()
        let work = Work.revert(Revert(versions: [name("facts", lie)], cascade: Cascade()))
        #expect(try outcome(world, work).commit != nil)
        #expect(try world.state() == ["facts": "not known", "plan": "first idea", "other": "x"])
        #expect(try world.state(on: trial) == ["facts": "lie", "plan": "fly", "notes": "cheap"])
        var onTrial = Revert(trial, versions: [name("facts", lie)], cascade: Cascade())
        #expect(try outcome(world, .revert(onTrial)).commit != nil)
        #expect(try world.state(on: trial) == ["facts": "not known", "plan": "first idea"])
        #expect(isHeld(try outcome(world, work)))
        onTrial.cascade = Cascade(excluded: [])
        #expect(isHeld(try outcome(world, .revert(onTrial))))
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("what a cascade undid, and what is made of it later, does not come back by a merge unasked")
    func undone() throws {
        let (world, lie) = try deceived()
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        let undo = world.head
        // It derived before the undo; and it derives after it, by a context that reads it only now.
        let late = try write(world, "late", "x", context: "late", on: trial, reading: [name("facts", lie)])
        _ = try write(world, "free", "x", context: "free", on: trial)
        let left = try conflicts(try outcome(world, .merge(Merge(trial))))
        #expect(left.map(\.key) == [key("late"), key("notes")])
        #expect(left.allSatisfy { $0.kind == .undone && $0.undoneBy == undo && $0.theirs != nil })
        #expect(left[0].theirs?.record.revision == late)
        // Somebody decides, each as he likes.
        let resolutions = [left[0].resolved(.theirs), left[1].resolved(.ours)]
        #expect(try report(try outcome(world, .merge(Merge(trial, resolutions: resolutions)))).settled == 1)
        #expect(
            try world.state() == [
                "facts": "not known", "plan": "first idea", "other": "x", "late": "x", "free": "x",
            ])
    }

    @Test("once the cascade itself is reverted a merge brings everything")
    func cascadeReverted() throws {
        let (world, lie) = try deceived()
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        _ = try outcome(world, .revert(Revert(revisions: [world.head])))
        #expect(try report(try outcome(world, .merge(Merge(trial)))).settled == 0)
        #expect(try world.text("notes") == "cheap" && world.text("facts") == "lie")
    }

    @Test("what somebody reads after the undo makes his later commits suspect, noted before a merge or after it")
    func notedLater() throws {
        let (world, lie) = try deceived()
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        func note(_ context: String) throws {
            world.now = world.now.advanced(by: .seconds(1))
            let read = NotedRead(context: context, branch: trial, key: key("facts"), version: lie, time: world.now)
            _ = try world.writer.write([.noteReads(NoteReads(agent: "ada", reads: [read]))], at: world.now)
        }
        try note("one")
        world.now = world.now.advanced(by: .seconds(1))
        _ = try write(world, "one", "x", context: "one", on: trial)
        #expect(try conflicts(try outcome(world, .merge(Merge(trial)))).map(\.key) == [key("notes"), key("one")])
        // The walk goes on from there.
        try note("two")
        world.now = world.now.advanced(by: .seconds(1))
        _ = try write(world, "two", "x", context: "two", on: trial)
        let left = try conflicts(try outcome(world, .merge(Merge(trial))))
        #expect(left.map(\.key) == [key("notes"), key("one"), key("two")])
        // And begins anew from the file, with the same end.
        world.writer.cascades.forget()
        #expect(try conflicts(try outcome(world, .merge(Merge(trial)))).map(\.key) == left.map(\.key))
    }

    // MARK: Quarantine

    @Test("a quarantine marks what is shown of it and of what derived, until a whole new write or its own revert")
    func quarantine() throws {
        let (world, lie) = try deceived()
        let work = Work.quarantine(
            Quarantine(versions: [name("facts", lie)], cascade: Cascade(), reason: "the embassy says otherwise"))
        _ = try outcome(world, work)
        let marked = world.head
        for text in ["facts", "plan"] {
            let record = try world.get(text)
            #expect(record.attributes[Quarantine.attribute] == "the embassy says otherwise")
            #expect(record.revision == marked && record.owner == "ada")
        }
        #expect(try world.text("facts") == "lie" && world.text("plan") == "fly")
        #expect(try world.get("other").attributes.isEmpty)
        #expect(isHeld(try outcome(world, work)), "all is marked")
        try world.put("plan", "train")
        #expect(try world.get("plan").attributes.isEmpty)
        #expect(isHeld(try outcome(world, work)), "a whole new write is none of it")
        _ = try outcome(world, .revert(Revert(revisions: [marked])))
        #expect(try world.get("facts").attributes.isEmpty && world.text("facts") == "lie")
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("what was marked is undone with what it marks")
    func markedAndUndone() throws {
        let (world, lie) = try deceived()
        _ = try outcome(world, .quarantine(Quarantine(versions: [name("facts", lie)], reason: "doubt")))
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        #expect(try world.text("facts") == "not known" && world.get("facts").attributes.isEmpty)
    }

    @Test("only the broker sets attributes that begin with membus.")
    func reserved() throws {
        let put = Put(Data("x".utf8), attributes: [Quarantine.attribute: "no"])
        let work = Work.transaction(Transaction(changes: [Change(key("a"), .put(put))]))
        let refused = work.shapeRefusal(limits: Limits())
        #expect(refused?.code == .invalidArgument)
        #expect(Quarantine(versions: [name("a", 1)], reason: "").shapeRefusal(limits: Limits())?.subject == "reason")
    }

    // MARK: Soundness

    @Test("a transaction that requires to be sound fails once what it or its context read is undone or quarantined")
    func sound() throws {
        let (world, lie) = try deceived()
        func attempt(_ context: String, reading: [VersionName] = [], on branch: BranchName = .main) throws -> Outcome {
            try outcome(
                world,
                .transaction(
                    Transaction(
                        branch: branch, context: context, preconditions: [.sound],
                        reads: reading.map { ReadVersion(key: $0.key, version: $0.revision) })))
        }
        let read = NotedRead(context: "reader", branch: .main, key: key("facts"), version: lie, time: world.now)
        _ = try world.writer.write([.noteReads(NoteReads(agent: "ada", reads: [read]))], at: world.now)
        #expect(isHeld(try attempt("reader")))
        _ = try outcome(world, .quarantine(Quarantine(versions: [name("facts", lie)], reason: "doubt")))
        let marked = world.head
        guard case .conflict(let failed, _) = try attempt("reader") else { throw Unexpected("held") }
        #expect(failed.map(\.key) == [key("facts")] && failed.map(\.revision) == [marked])
        // The marked record itself is no better.
        guard case .conflict = try attempt("other", reading: [name("facts", marked)]) else { throw Unexpected("held") }
        #expect(isHeld(try attempt("other", reading: [name("plan", 4)])))
        #expect(isHeld(try attempt("reader", on: trial)), "the branch does not contain the quarantine")
        _ = try outcome(world, .revert(Revert(revisions: [marked])))
        #expect(isHeld(try attempt("reader")), "the quarantine is reverted")
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)])))
        guard case .conflict(let undone, _) = try attempt("reader") else { throw Unexpected("held") }
        #expect(undone.map(\.revision) == [world.head])
    }

    @Test("what is read of something after it was undone counts at once, in the session where no context is named")
    func soundAgain() throws {
        let (world, lie) = try deceived()
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)])))
        let undone = world.head
        func isSound(_ context: String) throws -> Bool {
            isHeld(try outcome(world, .transaction(Transaction(context: context, preconditions: [.sound]))))
        }
        func note(_ context: String, _ session: SessionID) throws {
            let list = ReadVersion(.topic(Topic(unchecked: "/")), cut: undone - 1)
            _ = try world.writer.write(
                [
                    .noteReads(
                        NoteReads(
                            agent: "ada", session: session, reads: [NotedRead(context: context, list, at: world.now)]))
                ], at: world.now)
        }
        #expect(try isSound("one") && isSound("two"))
        try note("one", world.session)
        #expect(try !isSound("one") && isSound("two"))
        try note("", SessionID(99))
        #expect(try isSound("two"), "another session's")
        try note("", world.session)
        #expect(try !isSound("two"))
        _ = try write(world, "x", "1", context: "three", reading: [name("facts", lie)])
        _ = try outcome(world, .revert(Revert(revisions: [undone])))
        #expect(try isSound("one") && isSound("two") && isSound("three"))
    }

    @Test("much that was read is looked through bit by bit: whoever asks is told to ask again, and gets his answer")
    func soundInPieces() throws {
        let (world, lie) = try deceived()
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)])))
        for number in 0..<50 {
            var reads = (0..<1000).map { place in
                NotedRead(context: "big", branch: .main, key: key("k\(place)"), version: 1, time: world.now)
            }
            if number == 49 {
                reads.append(
                    NotedRead(context: "big", branch: .main, key: key("facts"), version: lie, time: world.now))
            }
            _ = try world.writer.write([.noteReads(NoteReads(agent: "ada", reads: reads))], at: world.now)
        }
        func attempt() throws -> WriteResult {
            try world.write(.transaction(Transaction(context: "big", preconditions: [.sound]))).results[0]
        }
        for _ in 0..<2 {
            guard case .refused(let refusal) = try attempt(), refusal.code == .busy else {
                throw Unexpected("it was not in pieces")
            }
            // A number that was refused as busy is asked for again.
            world.number -= 1
        }
        guard case .outcome(.conflict(let failed, _)) = try attempt() else { throw Unexpected("it is not found") }
        #expect(failed.map(\.key) == [key("facts")])
    }

    // MARK: Parked conflicts

    /// `a` differs on `main` and `trial`, and `b` was changed on `trial` alone.
    private func atOdds() throws -> World {
        let world = try World()
        for text in ["a", "b"] { try world.put(text, "1") }
        try world.fork("trial")
        try world.put("a", "ours")
        _ = try world.write(
            .transaction(
                Transaction(
                    branch: trial,
                    changes: ["a", "b"].map { Change(key($0), .put(Put(Data("theirs".utf8), kind: Kind("note")))) })))
        return world
    }

    private func parked(_ world: World, on branch: BranchName = .main) throws -> [ParkedConflict] {
        try world.reader.range(
            .init(branch: branch, filter: TopicFilter([ParkedConflict.topic])), visible: world.head
        ).records.compactMap { ParkedConflict($0) }
    }

    @Test("a merge that parks commits what is clear, and a record that names the versions for what is not")
    func park() throws {
        let world = try atOdds()
        #expect(try conflicts(try outcome(world, .merge(Merge(trial)))).map(\.key) == [key("a")])
        let merged = try outcome(world, .merge(Merge(trial, parks: true)))
        #expect(try report(merged) == MergeReport(source: 5, written: 1, agreed: 0, settled: 0, parked: 1))
        #expect(try world.text("a") == "ours" && world.text("b") == "theirs")
        let conflict = try #require(try parked(world).first)
        #expect(conflict.name == "\(world.head)/1" && conflict.conflict == key("a"))
        #expect(conflict.base?.revision == 1 && conflict.ours?.revision == 4 && conflict.theirs?.revision == 5)
        #expect(conflict.theirs?.branch == trial)
        #expect(isHeld(try outcome(world, .merge(Merge(trial, parks: true)))))
        #expect(try refusal(world, .merge(Merge(.main, into: trial))).code == .openConflicts)
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("a parked key keeps its base: what theirs becomes later is held against what both had in common")
    func parkedBase() throws {
        let world = try atOdds()
        _ = try outcome(world, .merge(Merge(trial, parks: true)))
        let first = try #require(try parked(world).first)
        // They go back to what both had: nothing is left to decide, and ours stays.
        try world.put("a", "1", on: trial)
        let merged = try outcome(world, .merge(Merge(trial, parks: true)))
        #expect(try report(merged).parked == 0)
        #expect(try world.text("a") == "ours" && parked(world).isEmpty)
        #expect(try world.get(first.key.text).isDeleted)
        // Of another parked conflict the newest versions take the place of the older ones.
        try world.put("b", "mine")
        try world.put("b", "yours", on: trial)
        _ = try outcome(world, .merge(Merge(trial, parks: true)))
        let second = try #require(try parked(world).first)
        let newer = try world.put("b", "yours too", on: trial)
        _ = try outcome(world, .merge(Merge(trial, parks: true)))
        #expect(try parked(world).map(\.theirs?.revision) == [newer])
        #expect(try world.get(second.key.text).isDeleted)
    }

    @Test("what is appended to a text that is in conflict settles nothing: it was not appended to the parked base")
    func appendedToParked() throws {
        let world = try World()
        try world.put("a", "1\n")
        try world.fork("trial")
        try world.put("a", "1\n2\n")
        try world.put("a", "1\n3\n", on: trial)
        #expect(try report(try outcome(world, .merge(Merge(trial, parks: true)))).parked == 1)
        _ = try world.write(.change("a", .append(Data("4\n".utf8)), on: trial))
        #expect(try report(try outcome(world, .merge(Merge(trial, parks: true)))).parked == 1)
        #expect(try world.text("a") == "1\n2\n" && parked(world).count == 1)
    }

    @Test("whoever settles a parked conflict ends it, and the branch can be merged again")
    func settled() throws {
        let world = try atOdds()
        _ = try outcome(world, .merge(Merge(trial, parks: true)))
        let conflict = try #require(try parked(world).first)
        let settle = Transaction(
            preconditions: [.at(key("a"), 4), .at(conflict.key, world.head)],
            changes: [Change(key("a"), .put(Put(Data("both".utf8)))), Change(conflict.key, .delete)])
        _ = try outcome(world, .transaction(settle))
        #expect(try report(try outcome(world, .merge(Merge(.main, into: trial)))).written == 1)
        #expect(try world.text("a", on: trial) == "both" && parked(world, on: trial).isEmpty)
    }

    private func settling(_ world: World, with put: Put, reading revision: Revision? = nil) throws -> Work {
        let conflict = try #require(try parked(world).first)
        return .transaction(
            Transaction(
                changes: [Change(key("a"), .put(put)), Change(conflict.key, .delete)],
                reads: revision.map { [ReadVersion(key: key("a"), version: $0)] } ?? []))
    }

    @Test("a mark of quarantine stays on what is put to settle a parked conflict, whichever side is taken")
    func markedWhenSettled() throws {
        for (branch, marked) in [(BranchName.main, Revision(4)), (trial, 5)] {
            let world = try atOdds()
            _ = try outcome(world, .quarantine(Quarantine(branch, versions: [name("a", marked)], reason: "doubt")))
            let taken = try world.get("a", on: branch)
            _ = try outcome(world, .merge(Merge(trial, parks: true)))
            _ = try outcome(world, try settling(world, with: Put(taken.value ?? Data(), kind: taken.kind)))
            #expect(try world.text("a") == taken.text)
            #expect(try world.get("a").attributes[Quarantine.attribute] == "doubt")
            #expect(try world.reader.verify().problems.isEmpty)
        }
        let world = try atOdds()
        _ = try outcome(world, .quarantine(Quarantine(versions: [name("a", 4)], reason: "doubt")))
        _ = try outcome(world, .merge(Merge(trial, parks: true)))
        _ = try outcome(world, try settling(world, with: Put(Data("both".utf8))))
        #expect(try world.get("a").attributes.isEmpty, "a whole new write is none of it")
    }

    @Test(
        "a parked conflict is not settled for theirs if a cascade has undone that since; a new value is another matter")
    func undoneWhenSettled() throws {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        let lie = try write(world, "facts", "lie", context: "scouting", on: trial)
        let theirs = try write(
            world, "a", "theirs", context: "planning", on: trial, reading: [name("facts", lie)])
        try world.put("a", "ours")
        _ = try outcome(world, .merge(Merge(trial, parks: true)))
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        let undo = world.head
        let refused = try refusal(world, try settling(world, with: Put(Data("theirs".utf8)), reading: theirs))
        #expect(refused.subject == "a" && refused.message.contains("by revision \(undo)"))
        #expect(try world.text("a") == "ours" && parked(world).count == 1)
        _ = try outcome(world, try settling(world, with: Put(Data("new".utf8)), reading: theirs))
        #expect(try world.text("a") == "new" && parked(world).isEmpty)
    }

    // MARK: Picks

    @Test("what a cascade has undone, or what derives from it, does not come back by a pick unasked")
    func pickOfUndone() throws {
        let (world, lie) = try deceived()
        _ = try outcome(world, .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        let undo = world.head
        let late = try write(world, "late", "x", context: "late", on: trial, reading: [name("facts", lie)])
        let left = try conflicts(try outcome(world, .pick(Pick([late]))))
        #expect(left.map(\.kind) == [.undone] && left.map(\.undoneBy) == [undo])
        _ = try outcome(world, .pick(Pick([late], resolutions: left.map { $0.resolved(.theirs) })))
        #expect(try world.text("late") == "x")
        let free = try write(world, "free", "x", context: "free", on: trial)
        _ = try outcome(world, .pick(Pick([free])))
        #expect(try world.text("free") == "x")
    }

    @Test("a pick makes a commit's own changes again, and brings nothing else of its branch")
    func pick() throws {
        let world = try World()
        _ = try world.write(.change("n", .increment(10)))
        try world.put("a", "1")
        try world.fork("trial")
        try world.put("unwanted", "x", on: trial)
        _ = try world.write(
            .transaction(
                Transaction(
                    branch: trial,
                    changes: [
                        Change(key("n"), .increment(5)), Change(key("a"), .put(Put(Data("2".utf8)))),
                        Change(key("new"), .put(Put(Data("x".utf8)))),
                    ])))
        let commit = world.head
        _ = try world.write(.change("n", .increment(1)))
        let picked = try outcome(world, .pick(Pick([commit])))
        #expect(picked.commit != nil)
        #expect(try world.state() == ["n": "16", "a": "2", "new": "x"])
        #expect(isHeld(try outcome(world, .pick(Pick([commit], onto: trial)))), "it is there")
        // Without the original, what was picked of it is not there either.
        _ = try outcome(world, .revert(Revert(revisions: [commit])))
        #expect(try world.state() == ["n": "11", "a": "1"])
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("several commits are picked as one, each on what those before it made")
    func picks() throws {
        let world = try World()
        try world.put("a", "1")
        try world.fork("trial")
        let first = try world.put("a", "2", on: trial)
        try world.put("between", "x", on: trial)
        let second = try world.put("a", "3", on: trial)
        _ = try outcome(world, .pick(Pick([first, second])))
        #expect(try world.state() == ["a": "3"])
        try world.put("b", "1")
        #expect(try conflicts(try outcome(world, .pick(Pick([second], onto: world.fork("other", at: 1))))).count == 1)
    }

    @Test("with the same reads asked for, a commit that had read something else is not picked, and says what")
    func sameReads() throws {
        let world = try World()
        let read = try world.put("fact", "1")
        try world.fork("trial")
        let commit = try write(world, "plan", "x", on: trial, reading: [name("fact", read)])
        _ = try outcome(world, .pick(Pick([commit], sameReads: true)))
        #expect(try world.text("plan") == "x")
        let other = try world.fork("other", at: read)
        let newer = try world.put("fact", "2", on: other)
        let left = try conflicts(try outcome(world, .pick(Pick([commit], onto: other, sameReads: true))))
        #expect(left.map(\.kind) == [.otherRead] && left.map(\.key) == [key("fact")])
        #expect(left[0].base?.record.revision == read && left[0].ours?.record.revision == newer)
    }

    @Test("merges, rollbacks, reverts, forks and the broker's own commits can't be picked")
    func unpickable() throws {
        let (world, lie) = try deceived()
        let fork = try #require(try world.reader.branches(visible: world.head).last?.created)
        _ = try outcome(world, .merge(Merge(trial)))
        let merge = world.head
        _ = try outcome(world, .revert(Revert(revisions: [lie])))
        let other = try world.fork("other", at: 1)
        for revision in [merge, world.head - 1] {
            let refused = try refusal(world, .pick(Pick([revision], onto: other)))
            #expect(refused.code == .invalidArgument && refused.subject == "\(revision)")
        }
        // A fork changes nothing.
        #expect(isHeld(try outcome(world, .pick(Pick([fork], onto: other)))))
        #expect(Pick([]).shapeRefusal(limits: Limits())?.code == .invalidArgument)
        #expect(Pick([3, 2]).shapeRefusal(limits: Limits())?.code == .invalidArgument)
        #expect(try refusal(world, .pick(Pick([world.head + 1], onto: other))).code == .beyondHead)
    }

    // MARK: Plans

    private func plan(_ world: World, _ work: Work) throws -> Plan {
        try world.reader.plan(work, limits: Limits(), visible: world.head)
    }

    @Test("a plan tells what would be written, writes nothing, and is carried out exactly or not at all")
    func plans() throws {
        let (world, lie) = try deceived()
        var revert = Revert(versions: [name("facts", lie)], cascade: Cascade())
        let (head, told) = (world.head, try plan(world, .revert(revert)))
        #expect(world.head == head && told.at.revision == head)
        #expect(told.changes.map(\.key) == [key("facts"), key("plan")])
        #expect(told.changes.map(\.to?.text) == ["not known", "first idea"])
        #expect(told.changes.map(\.from?.text) == ["lie", "fly"])
        revert.plan = told.id
        // Something else does not matter to it; one more that derives does.
        try world.put("unrelated", "x")
        #expect(try plan(world, .revert(revert)).id == told.id)
        _ = try write(world, "later", "x", context: "planning")
        #expect(try refusal(world, .revert(revert)).code == .planChanged)
        #expect(try world.text("facts") == "lie")
        revert.plan = try plan(world, .revert(revert)).id
        #expect(try outcome(world, .revert(revert)).commit != nil)
        #expect(try world.text("later") == nil)
    }

    @Test("a plan is over once what it would write over is another version, though it would write the same")
    func overwritten() throws {
        let world = try World()
        try world.put("a", "1")
        try world.put("a", "2")
        var rollback = Rollback(to: 1)
        rollback.plan = try plan(world, .rollback(rollback)).id
        try world.put("a", "3")
        #expect(try refusal(world, .rollback(rollback)).code == .planChanged)
        #expect(try world.text("a") == "3")
    }

    @Test("a plan of a merge tells its conflicts, and a contained source")
    func mergePlans() throws {
        let world = try atOdds()
        let told = try plan(world, .merge(Merge(trial)))
        #expect(told.conflicts.map(\.key) == [key("a")] && told.changes.map(\.key) == [key("b")])
        var merge = Merge(trial, resolutions: told.conflicts.map { $0.resolved(.theirs) })
        merge.plan = try plan(world, .merge(merge)).id
        #expect(try report(try outcome(world, .merge(merge))).settled == 1)
        #expect(try plan(world, .merge(Merge(trial))).isContained)
    }
}
