import MembusChecker
import MembusDice
import MembusModel
import MembusStore

@testable import MembusBroker

// Counts that follow the commits in every history. They live longer than the broker's processes here, as what is kept
// on a disk would: so they meet kills, compaction, restored backups and copies put back as files. They draw from dice
// of their own, and change nothing.

struct Projecting {
    var feed: ProjectionFeed<Counts>
    /// Between two turns, each of which is two steps at most: compaction may overtake it.
    let period: Duration
    private let budget: Int
    private let mostNames: Int
    /// What was told last.
    var told: MemoryCounts?

    init(_ dice: Dice) {
        var dice = dice
        budget = dice.pick([1, 3, 10, 50])
        mostNames = dice.pick([1, 2, 1000])
        period = dice.pick([.milliseconds(100), .milliseconds(500), .milliseconds(2500)])
        feed = ProjectionFeed(Counts(mostNames: mostNames), budget: budget)
    }

    /// From nothing, by larger steps.
    var anew: ProjectionFeed<Counts> { ProjectionFeed(Counts(mostNames: mostNames), budget: 7 * budget) }
}

extension BrokerProcess {
    /// The counting thread's turn.
    func project() {
        do throws(Refusal) {
            for _ in 0..<2 where try world.project(for: self) {}
        } catch {
            // A disk that has failed ends the process at its next write.
            if world.disk.faults == nil { world.failure = error }
        }
        after(world.projecting.period) { $0.project() }
    }
}

extension World {
    /// - Returns: whether there is more.
    func project(for broker: BrokerProcess) throws(Refusal) -> Bool {
        let before = projecting.feed.begun
        defer { countBeginnings(since: before) }
        let more = try projecting.feed.step(
            upTo: broker.core.visible.revision, from: AlteredSource(broker.reader, mutant))
        let told = projecting.feed.projection.told
        if !more, let told, told != projecting.told {
            projecting.told = told
            note(.counted(broker.lineage, told))
        }
        return more
    }

    private func countBeginnings(since before: ProjectionFeed<Counts>.Begun) {
        let begun = projecting.feed.begun
        coverage.count(.countedAnewAboveFloor, times: begun.belowFloor - before.belowFloor)
        coverage.count(.countedAnewInAnotherHistory, times: begun.ofAnotherHistory - before.ofAnotherHistory)
    }

    /// At the end: what followed is at the head, and says what one says that begins now.
    func restProjecting(_ broker: BrokerProcess) throws {
        while try project(for: broker) {}
        var anew = projecting.anew
        while try anew.step(upTo: broker.core.visible.revision, from: AlteredSource(broker.reader, mutant)) {}
        guard let told = projecting.feed.projection.told, told.at == broker.core.visible else {
            return note(.broken(.projections, "the counts are not at the head, \(broker.core.visible)"))
        }
        if told != anew.projection.told {
            note(.broken(.projections, "counted anew it is \(anew.projection.told.story), followed \(told.story)"))
        }
    }
}

/// What nobody should do: see ``Mutant``.
private struct AlteredSource: ProjectionSource {
    private let reader: Reader
    private let mutant: Mutant?

    init(_ reader: Reader, _ mutant: Mutant?) {
        self.reader = reader
        self.mutant = mutant
    }

    func floor() throws(Refusal) -> Position { try reader.floor() }
    func branches(visible: Revision) throws(Refusal) -> [BranchInfo] { try reader.branches(visible: visible) }

    func commits(
        after: Position, inline: Int, budget: Int, visible: Revision, of wanted: (BranchInfo) -> Bool
    ) throws(Refusal) -> [FollowedCommit] {
        var commits = try reader.commits(
            after: try start(after, visible), inline: inline, budget: budget, visible: visible, of: wanted)
        if mutant == .replacedNotSubtracted {
            for commit in commits.indices {
                for change in commits[commit].changes.indices { commits[commit].changes[change].replaced = nil }
            }
        }
        return commits
    }

    private func start(_ after: Position, _ visible: Revision) throws(Refusal) -> Position {
        switch mutant {
        case .projectionOverReplacedHistory: try reader.position(of: after.revision, visible: visible) ?? after
        case .projectionOverTheFloor: try max(after, reader.floor(), by: { $0.revision < $1.revision })
        default: after
        }
    }

    func state(
        of branch: BranchName, at: Position, after: Key?, inline: Int, budget: Int, visible: Revision
    ) throws(Refusal) -> StatePage {
        try reader.state(of: branch, at: at, after: after, inline: inline, budget: budget, visible: visible)
    }
}

private func max<T>(_ a: T, _ b: T, by isLess: (T, T) -> Bool) -> T { isLess(a, b) ? b : a }
