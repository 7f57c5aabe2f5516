import MembusChecker
import MembusModel

@testable import Membus

// What an agent's own code does: transactions and reads, each put on record as it was asked for and answered.

extension Agent {
    // MARK: Transactions

    func transact(_ op: Int, _ work: Work) {
        world.note(.invoked(op, agent: index, work))
        let life = life
        call(.transact(work), timeout: world.dice.milliseconds(world.dice.pick([50...500, 2000...20000]))) { [unowned self] result in
            guard isAlive(life) else { return }
            let ending = Ending(result)
            if case .decided(.committed(let position), let lineage) = ending {
                world.tokens.append(Token(lineage: lineage, position: position))
            }
            world.note(.finished(op, agent: index, ending))
        }
    }

    // MARK: Reads of the broker

    func readDirectly(_ keys: [Key], on branch: BranchName) {
        let id = ask()
        call(.request(.get(Request.Get(branch: branch, keys: keys))), timeout: .seconds(5)) { [unowned self] result in
            guard case .success(.reply(let reply)) = result, case .records(let page) = reply.body,
                page.records.count == keys.count
            else { return }
            world.note(
                .read(
                    Read(
                        id: id, agent: index, view: nil, isJoined: true, branch: branch, keys: keys,
                        consistency: .direct, token: Token(lineage: reply.lineage, position: page.at),
                        found: page.records.filter { !$0.isDeleted })))
        }
    }

    private func ask() -> Int {
        world.lastRead += 1
        world.note(.asked(read: world.lastRead, agent: index))
        return world.lastRead
    }

    // MARK: Reads of a view, the way that `View.get` goes

    func read(_ view: Follower, _ keys: [Key], _ consistency: Read.Consistency) {
        let keys = keys.filter { view.follow.filter.matches($0) }
        guard !keys.isEmpty else { return }
        let reading = ViewRead(id: ask(), view: view, isJoined: view.isJoined, keys: keys, consistency: consistency)
        if world.plant == .waitIgnored { return collect(reading) }
        if world.plant == .mixedCuts, keys.count > 1 { return collectOneByOne(reading) }
        let freshness: Freshness
        switch consistency {
        case .cached, .direct: return collect(reading)
        case .atLeast(let token): freshness = .atLeast(token)
        case .within(let age): freshness = .within(age)
        case .linearizable: freshness = .linearizable
        }
        reach(view, freshness) { [unowned self] in collect(reading) }
    }

    private func reach(_ view: Follower, _ freshness: Freshness, _ then: @escaping () -> Void) {
        call(.reach(view.id, freshness), timeout: .seconds(5)) { if case .success = $0 { then() } }
    }

    private func collect(_ reading: ViewRead, tries: Int = 3) {
        let shared = reading.view.shared
        guard let (found, missing) = try? shared.take(reading.keys) else { return }
        if missing.keys.isEmpty { return finish(reading, missing.token, found) }
        if world.plant == .evictedIsDeleted {
            shared.abandon(missing)
            return finish(reading, missing.token, found)
        }
        let get = Request.Get(
            branch: reading.view.follow.branch, keys: missing.keys,
            at: world.plant == .fillAtHead ? nil : missing.token.position)
        call(.request(.get(get)), timeout: .seconds(5)) { [unowned self] result in
            guard case .success(.reply(let reply)) = result, case .records(let page) = reply.body,
                page.records.count == missing.keys.count, reply.lineage == missing.token.lineage
            else {
                shared.abandon(missing)
                if tries > 0, Self.isOutdated(result, missing.token) {
                    reach(reading.view, .linearizable) { [unowned self] in collect(reading, tries: tries - 1) }
                }
                return
            }
            fill(shared, page.records, missing)
            finish(reading, missing.token, found + page.records)
        }
    }

    /// What nobody should do: each key as of its own moment.
    private func collectOneByOne(_ reading: ViewRead) {
        let shared = reading.view.shared
        guard let (first, missing) = try? shared.take([reading.keys[0]]) else { return }
        shared.abandon(missing)
        let life = life
        world.after(.milliseconds(60)) { [unowned self] _ in
            guard isAlive(life), missing.keys.isEmpty, let (rest, more) = try? shared.take(Array(reading.keys.dropFirst())) else { return }
            shared.abandon(more)
            if more.keys.isEmpty { finish(reading, missing.token, first + rest) }
        }
    }

    private func fill(_ shared: SharedView, _ records: [Record], _ missing: Misses) {
        guard world.plant == .lateFill, let (_, now) = try? shared.take(missing.keys) else { return shared.fill(records, missing) }
        shared.abandon(missing)
        shared.fill(records, now)
    }

    private static func isOutdated(_ result: Result<Answer, any Error>, _ token: Token) -> Bool {
        switch result {
        case .success(.reply(let reply)): reply.lineage != token.lineage
        case .failure(MembusError.failure(let failure)): [.belowFloor, .historyDiffers, .beyondHead].contains(failure.code)
        default: false
        }
    }

    private func finish(_ reading: ViewRead, _ token: Token, _ found: [Record]) {
        world.note(
            .read(
                Read(
                    id: reading.id, agent: index, view: reading.view.name, isJoined: reading.isJoined,
                    branch: reading.view.follow.branch, keys: reading.keys, consistency: reading.consistency,
                    token: token, found: found.filter { !$0.isDeleted })))
    }

    // MARK: Warm files

    /// Saves what its views hold, as files are saved at a regular end.
    func save() {
        warm = followers.compactMap { try? $0.shared.warmFile() }
    }
}

private struct ViewRead {
    let id: Int
    let view: Follower
    let isJoined: Bool
    let keys: [Key]
    let consistency: Read.Consistency
}

extension Ending {
    init(_ result: Result<Answer, any Error>) {
        switch result {
        case .success(.decided(let outcome, let lineage)): self = .decided(outcome, lineage)
        case .success: self = .unknown
        case .failure(MembusError.committedButNotSeen(let receipt)):
            self = .committedUnseen(receipt.token.position, receipt.token.lineage)
        case .failure(MembusError.failure(let failure)):
            self = failure.code == .numberForgotten || failure.code == .numberReused ? .unknown : .refused(failure.message)
        case .failure(MembusError.timeout(_, let isUnknown, _)): self = isUnknown ? .unknown : .refused("not sent in time")
        case .failure: self = .unknown
        }
    }
}
