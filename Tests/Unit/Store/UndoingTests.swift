import Foundation
import MembusModel
import Testing

@testable import MembusStore

@Suite("Cascades, quarantine, parked conflicts, picks and plans")
struct UndoingTests {
    let trial = BranchName(unchecked: "trial")

    func key(_ text: String) -> Key { Key(unchecked: text) }
    func name(_ text: String, _ revision: Revision) -> VersionName { VersionName(key(text), at: revision) }

    func isHeld(_ outcome: Outcome) -> Bool { if case .held = outcome { true } else { false } }

    func write(
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
    func deceived() throws -> (world: World, lie: Revision) {
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
        #expect(try world.outcome(of: work).commit != nil)
        #expect(try world.state() == ["facts": "not known", "plan": "first idea", "other": "x"])
        #expect(try world.state(on: trial) == ["facts": "lie", "plan": "fly", "notes": "cheap"])
        var onTrial = Revert(trial, versions: [name("facts", lie)], cascade: Cascade())
        #expect(try world.outcome(of: .revert(onTrial)).commit != nil)
        #expect(try world.state(on: trial) == ["facts": "not known", "plan": "first idea"])
        #expect(isHeld(try world.outcome(of: work)))
        onTrial.cascade = Cascade(excluded: [])
        #expect(isHeld(try world.outcome(of: .revert(onTrial))))
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("what a cascade undid, and what is made of it later, does not come back by a merge unasked")
    func undone() throws {
        let (world, lie) = try deceived()
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        let undo = world.head
        // It derived before the undo; and it derives after it, by a context that reads it only now.
        let late = try write(world, "late", "x", context: "late", on: trial, reading: [name("facts", lie)])
        _ = try write(world, "free", "x", context: "free", on: trial)
        let left = try conflicts(try world.outcome(of: .merge(Merge(trial))))
        #expect(left.map(\.key) == [key("late"), key("notes")])
        #expect(left.allSatisfy { $0.kind == .undone && $0.undoneBy == undo && $0.theirs != nil })
        #expect(left[0].theirs?.record.revision == late)
        // Somebody decides, each as he likes.
        let resolutions = [left[0].resolved(.theirs), left[1].resolved(.ours)]
        #expect(try report(try world.outcome(of: .merge(Merge(trial, resolutions: resolutions)))).settled == 1)
        #expect(
            try world.state() == [
                "facts": "not known", "plan": "first idea", "other": "x", "late": "x", "free": "x",
            ])
    }

    @Test("once the cascade itself is reverted a merge brings everything")
    func cascadeReverted() throws {
        let (world, lie) = try deceived()
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        _ = try world.outcome(of: .revert(Revert(revisions: [world.head])))
        #expect(try report(try world.outcome(of: .merge(Merge(trial)))).settled == 0)
        #expect(try world.text("notes") == "cheap" && world.text("facts") == "lie")
    }

    @Test("what somebody reads after the undo makes his later commits suspect, noted before a merge or after it")
    func notedLater() throws {
        let (world, lie) = try deceived()
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
        func note(_ context: String) throws {
            world.now = world.now.advanced(by: .seconds(1))
            let read = NotedRead(context: context, branch: trial, key: key("facts"), version: lie, time: world.now)
            _ = try world.writer.write([.noteReads(NoteReads(agent: "ada", reads: [read]))], at: world.now)
        }
        try note("one")
        world.now = world.now.advanced(by: .seconds(1))
        _ = try write(world, "one", "x", context: "one", on: trial)
        #expect(try conflicts(try world.outcome(of: .merge(Merge(trial)))).map(\.key) == [key("notes"), key("one")])
        // The walk goes on from there.
        try note("two")
        world.now = world.now.advanced(by: .seconds(1))
        _ = try write(world, "two", "x", context: "two", on: trial)
        let left = try conflicts(try world.outcome(of: .merge(Merge(trial))))
        #expect(left.map(\.key) == [key("notes"), key("one"), key("two")])
        // And begins anew from the file, with the same end.
        world.writer.cascades.forget()
        #expect(try conflicts(try world.outcome(of: .merge(Merge(trial)))).map(\.key) == left.map(\.key))
    }

    // MARK: Quarantine

    @Test("a quarantine marks what is shown of it and of what derived, until a whole new write or its own revert")
    func quarantine() throws {
        let (world, lie) = try deceived()
        let work = Work.quarantine(
            Quarantine(versions: [name("facts", lie)], cascade: Cascade(), reason: "the embassy says otherwise"))
        _ = try world.outcome(of: work)
        let marked = world.head
        for text in ["facts", "plan"] {
            let record = try world.get(text)
            #expect(record.attributes[Quarantine.attribute] == "the embassy says otherwise")
            #expect(record.revision == marked && record.owner == "ada")
        }
        #expect(try world.text("facts") == "lie" && world.text("plan") == "fly")
        #expect(try world.get("other").attributes.isEmpty)
        #expect(isHeld(try world.outcome(of: work)), "all is marked")
        try world.put("plan", "train")
        #expect(try world.get("plan").attributes.isEmpty)
        #expect(isHeld(try world.outcome(of: work)), "a whole new write is none of it")
        _ = try world.outcome(of: .revert(Revert(revisions: [marked])))
        #expect(try world.get("facts").attributes.isEmpty && world.text("facts") == "lie")
        #expect(try world.reader.verify().problems.isEmpty)
    }

    @Test("what was marked is undone with what it marks")
    func markedAndUndone() throws {
        let (world, lie) = try deceived()
        _ = try world.outcome(of: .quarantine(Quarantine(versions: [name("facts", lie)], reason: "doubt")))
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)], cascade: Cascade())))
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
            try world.outcome(
                of: .transaction(
                    Transaction(
                        branch: branch, context: context, preconditions: [.sound],
                        reads: reading.map { ReadVersion(key: $0.key, version: $0.revision) })))
        }
        let read = NotedRead(context: "reader", branch: .main, key: key("facts"), version: lie, time: world.now)
        _ = try world.writer.write([.noteReads(NoteReads(agent: "ada", reads: [read]))], at: world.now)
        #expect(isHeld(try attempt("reader")))
        _ = try world.outcome(of: .quarantine(Quarantine(versions: [name("facts", lie)], reason: "doubt")))
        let marked = world.head
        guard case .conflict(let failed, _) = try attempt("reader") else { throw Unexpected("held") }
        #expect(failed.map(\.key) == [key("facts")] && failed.map(\.revision) == [marked])
        // The marked record itself is no better.
        guard case .conflict = try attempt("other", reading: [name("facts", marked)]) else { throw Unexpected("held") }
        #expect(isHeld(try attempt("other", reading: [name("plan", 4)])))
        #expect(isHeld(try attempt("reader", on: trial)), "the branch does not contain the quarantine")
        _ = try world.outcome(of: .revert(Revert(revisions: [marked])))
        #expect(isHeld(try attempt("reader")), "the quarantine is reverted")
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)])))
        guard case .conflict(let undone, _) = try attempt("reader") else { throw Unexpected("held") }
        #expect(undone.map(\.revision) == [world.head])
    }

    @Test("what is read of something after it was undone counts at once, in the session where no context is named")
    func soundAgain() throws {
        let (world, lie) = try deceived()
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)])))
        let undone = world.head
        func isSound(_ context: String) throws -> Bool {
            isHeld(try world.outcome(of: .transaction(Transaction(context: context, preconditions: [.sound]))))
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
        _ = try world.outcome(of: .revert(Revert(revisions: [undone])))
        #expect(try isSound("one") && isSound("two") && isSound("three"))
    }

    @Test("much that was read is looked through bit by bit: whoever asks is told to ask again, and gets his answer")
    func soundInPieces() throws {
        let (world, lie) = try deceived()
        _ = try world.outcome(of: .revert(Revert(versions: [name("facts", lie)])))
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
}
