import MembusChecker
import MembusModel
import Testing

/// How old what a view shows may be.
@Suite struct AgeTests {
    private let lineage = Lineage(7)
    private let view = ViewName(agent: 0, life: 0, number: 1)

    /// Two commits, visible at 10 ns and 20 ns; a view at the first, which then claims to hold all up to `asOf`.
    private func violations(asOf: Int64) -> [Invariant] {
        let main = BranchInfo(name: .main, parent: nil, forkRevision: 0, created: 0)
        var (history, truth) = (History(), Truth(lineage: lineage, branches: [main]))
        for revision: Revision in 1...2 {
            let info = CommitInfo(
                revision: revision, hash: UInt64(revision), branch: .main, agent: "a", session: nil, number: 0,
                time: Timestamp(milliseconds: 0), context: "", message: "expired")
            let isNext = truth.append(Commit(info: info, records: []))
            #expect(isNext)
        }
        history.truths[lineage] = truth
        func at(_ time: Int64, _ fact: Fact) { history.note(Instant(nanoseconds: time), fact) }
        let first = Position(revision: 1, hash: 1)
        at(0, .following(view, .main, .everything, .update, start: nil))
        at(10, .visible(lineage, first))
        at(15, .moved(view, .install([], at: first), lineage))
        at(20, .visible(lineage, Position(revision: 2, hash: 2)))
        at(30, .moved(view, .fresh(asOf: Instant(nanoseconds: asOf)), lineage))
        return Check.violations(of: history, isComplete: false).map(\.invariant)
    }

    @Test("a view must not claim to hold all up to a moment before which more was visible")
    func tooYoung() { #expect(violations(asOf: 21) == [.boundedAge]) }

    @Test("what became visible at the very moment that a view claims may be missing from it")
    func tie() { #expect(violations(asOf: 20) == []) }
}
