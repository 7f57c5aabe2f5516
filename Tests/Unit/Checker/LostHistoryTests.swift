import MembusChecker
import MembusModel
import Testing

/// A transaction that was refused, in a lineage whose file is replaced by an old copy of itself: what was lost
/// counts for what was said before, not for what is said by who knows only the copy.
@Suite struct LostHistoryTests {
    private let lineage = Lineage(7)
    private let main = BranchInfo(name: .main, parent: nil, forkRevision: 0, created: 0)

    private func truth(_ messages: [String]) -> Truth {
        var truth = Truth(lineage: lineage, branches: [main])
        for (index, message) in messages.enumerated() {
            let revision = Revision(index + 1)
            let info = CommitInfo(
                revision: revision, hash: UInt64(revision), branch: .main, agent: "a", session: nil, number: 0,
                time: Timestamp(milliseconds: 0), context: "", message: message)
            let isNext = truth.append(Commit(info: info, records: []))
            #expect(isNext)
        }
        return truth
    }

    /// Op 1 is asked for, refused, and found in one of the two: the history that was lost, or the copy that goes on.
    private func violations(isLost: Bool, isRefusedBefore: Bool) -> [Invariant] {
        var history = History()
        history.truths[lineage] = truth(isLost ? ["first"] : ["first", "op 1"])
        history.earlier[lineage] = [truth(isLost ? ["first", "op 1"] : ["first"])]
        var time: Int64 = 0
        func next(_ fact: Fact) {
            time += 10
            history.note(Instant(nanoseconds: time), fact)
        }
        let first = Position(revision: 1, hash: 1)
        next(.visible(lineage, first))
        next(.invoked(1, agent: 0, .transaction(Transaction(branch: .main, message: "op 1"))))
        if isRefusedBefore { next(.finished(1, agent: 0, .refused("no such session"))) }
        next(.copiedBack(lineage, first))
        next(.visible(lineage, first))
        if !isRefusedBefore { next(.finished(1, agent: 0, .refused("no such session"))) }
        return Check.violations(of: history).map(\.invariant)
    }

    @Test("a broker that has an old copy put under it may refuse what only the lost history holds")
    func afterTheLoss() { #expect(violations(isLost: true, isRefusedBefore: false) == []) }

    @Test("what was refused before the history was lost must not be in it")
    func beforeTheLoss() { #expect(violations(isLost: true, isRefusedBefore: true) == [.takesEffectOnce]) }

    @Test("what was refused, before or after, must not be in the history that goes on", arguments: [false, true])
    func goingOn(isRefusedBefore: Bool) {
        #expect(violations(isLost: false, isRefusedBefore: isRefusedBefore) == [.takesEffectOnce])
    }

    @Test("a view that showed a state of both histories on the way to the lost one may begin there again")
    func commonState() {
        var history = History()
        history.truths[lineage] = truth(["first"])
        history.earlier[lineage] = [truth(["first", "lost"])]
        let view = ViewName(agent: 0, life: 0, number: 1)
        var time: Int64 = 0
        func next(_ fact: Fact) {
            time += 10
            history.note(Instant(nanoseconds: time), fact)
        }
        func at(_ revision: Revision) -> Position { Position(revision: revision, hash: UInt64(revision)) }
        next(.following(view, .main, .everything, .update, start: nil))
        next(.moved(view, .install([], at: .origin), lineage))
        next(.visible(lineage, at(2)))
        next(.copiedBack(lineage, at(1)))
        // Sent before, and on the way since.
        next(.moved(view, .apply([], to: at(1)), lineage))
        next(.moved(view, .apply([], to: at(2)), lineage))
        next(.moved(view, .reset(lineage), lineage))
        next(.moved(view, .install([], at: at(1)), lineage))
        #expect(Check.violations(of: history).map(\.invariant) == [])
        next(.moved(view, .reset(lineage), lineage))
        next(.moved(view, .install([], at: at(1)), lineage))
        #expect(Check.violations(of: history).map(\.invariant) == [])
        next(.moved(view, .install([], at: at(1)), lineage))
        #expect(Check.violations(of: history).first?.invariant == .neverBack)
    }
}
