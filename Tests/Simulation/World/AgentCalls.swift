import MembusChecker
import MembusModel

@testable import Membus

// What an agent's own code does: transactions and reads, each put on record as it was asked for and answered.

extension Agent {
    // MARK: Transactions

    func transact(_ op: Int, _ work: Work) {
        world.note(.invoked(op, agent: index, work))
        let life = life
        call(.transact(work), timeout: world.dice.milliseconds(world.dice.pick([50...500, 2000...20000]))) {
            [unowned self] result in
            if isAlive(life) { finished(op, result) }
        }
    }

    func finished(_ op: Int, _ result: Result<Answer, any Error>) {
        let ending = Ending(result)
        world.count(ending)
        if case .decided(let outcome, let lineage) = ending, let position = outcome.commit {
            world.tokens.append(Token(lineage: lineage, position: position))
        }
        world.note(.finished(op, agent: index, ending))
    }

    // MARK: Reads of the broker

    /// `KeysInParts` decides, as for `Memory.get`.
    func readDirectly(
        _ keys: [Key], on branch: BranchName, _ patience: Patience = .each(.seconds(5)),
        _ then: @escaping (Result<KeysInParts.Fetched, any Error>) -> Void = { _ in }
    ) {
        let id = ask()
        world.coverage.count(.readDirect)
        let parts = KeysInParts(keys, branch: branch, at: nil)
        let driving = Driving(parts, by: self, patience) { [unowned self] _, result in
            if case .success(let fetched) = result {
                noteDirect(id, keys, on: branch, fetched.token, fetched.records)
            }
            then(result)
        }
        if world.mutant == .partsOfHead {
            driving.alter = { _, action in
                guard case .make(.request(.get(var get)), let most) = action else { return action }
                get.at = nil
                return .make(.request(.get(get)), within: most)
            }
        }
        driving.begin()
    }

    /// All records of some topics, page by page: `Paging` decides, as for `Memory.range`.
    func readRange(_ filter: TopicFilter, on branch: BranchName, pageSize: Int) {
        let keys = (world.profile.keys + World.specialKeys).filter { filter.matches($0) }
        guard !keys.isEmpty else { return }
        let paging = Paging(RecordPages(branch: branch, filter: filter, pageSize: pageSize))
        world.coverage.count(.readRange)
        let id = ask()
        var (records, isFirst): ([Record], Bool) = ([], true)
        let driving = Driving(paging, by: self, .each(.seconds(5))) { [unowned self] driving, result in
            guard case .success(let page) = result else { return }
            if page.isBegunAnew { (records, isFirst) = ([], true) }
            records += page.elements
            if let broker = world.broker, page.token.revision < broker.floor, !isFirst {
                world.coverage.count(.rangeHeld)
            }
            isFirst = false
            if page.isLast { return noteDirect(id, keys, on: branch, page.token, records) }
            world.coverage.count(.rangeContinued)
            driving.take(.passed)
        }
        driving.begin()
    }

    /// What differs between two states, page by page: `Paging` decides, as for `Memory.diff`.
    func readDiff(_ from: BranchState, _ to: BranchState, _ filter: TopicFilter, pageSize: Int) {
        let paging = Paging(DifferencePages(asked: GetDiff(from: from, to: to, filter: filter, limit: pageSize)))
        world.coverage.count(.readDiff)
        var found: [Difference] = []
        let driving = Driving(paging, by: self, .each(.seconds(5))) { [unowned self] driving, result in
            guard case .success(let page) = result, let states = driving.driven.list.states else { return }
            if page.isBegunAnew { found = [] }
            found += page.elements
            guard page.isLast else {
                world.coverage.count(.diffContinued)
                return driving.take(.passed)
            }
            world.note(
                .differed(Diffed(agent: index, from: from.branch, states.from, to: to.branch, states.to, filter, found))
            )
        }
        driving.begin()
    }

    private func noteDirect(_ id: Int, _ keys: [Key], on branch: BranchName, _ token: Token, _ found: [Record]) {
        world.note(
            .read(
                Read(
                    id: id, agent: index, view: nil, isJoined: true, branch: branch, keys: keys,
                    consistency: .direct, token: token, found: found.filter { !$0.isDeleted })))
    }

    private func ask() -> Int {
        world.lastRead += 1
        world.note(.asked(read: world.lastRead, agent: index))
        return world.lastRead
    }

    // MARK: Reads of a view: Collecting decides, as for `View.get`

    func read(_ view: Follower, _ keys: [Key], _ consistency: Read.Consistency) {
        let keys = keys.filter { view.follow.filter.matches($0) }
        guard !keys.isEmpty else { return }
        world.count(consistency)
        let reading = ViewRead(id: ask(), view: view, isJoined: view.isJoined, keys: keys, consistency: consistency)
        if world.mutant == .mixedCuts, keys.count > 1 { return collectOneByOne(reading) }
        let asked = world.mutant == .waitIgnored ? .cached : consistency.dial
        let collecting = Collecting(keys, asked, from: view.shared, view.id)
        let driving = Driving(collecting, by: self, .until(now + .seconds(5))) { [unowned self] driving, result in
            switch result {
            case .success(let snapshot):
                finish(reading, snapshot.token, snapshot.records, atOnce: driving.steps == 1)
            case .failure(MembusError.stale): world.coverage.count(.staleRefused)
            case .failure: break
            }
        }
        driving.alter = { [unowned self] driving, action in altered(action, of: driving, reading) }
        if world.mutant == .lateFill {
            driving.hear = { [unowned self] collecting, input in fillLate(&collecting, input) }
        }
        driving.begin()
    }

    /// Counts what the read waits for, and is where mutants get at it.
    private func altered(
        _ action: Collecting.Action, of driving: Driving<Collecting>, _ reading: ViewRead
    ) -> Collecting.Action? {
        switch action {
        case .make(.reach(_, .live), _): world.coverage.count(.staleWaited)
        case .pause: world.coverage.count(.fetchRetried)
        case .make(.request(.get(var get)), let most) where get.keys == driving.driven.missing?.keys:
            world.coverage.count(reading.view.follow.mode == .update ? .announced : .evicted)
            if world.mutant == .evictedIsDeleted, let missing = driving.driven.missing {
                driving.tamper { $0.abandon() }
                finish(reading, missing.token, driving.driven.found, atOnce: false)
                return nil
            }
            if world.mutant == .fillAtHead { get.at = nil }
            return .make(.request(.get(get)), within: most)
        default: break
        }
        return action
    }

    /// What nobody should do: install what was fetched as if it were asked for only now.
    private func fillLate(_ collecting: inout Collecting, _ input: Collecting.Input) {
        guard case .answered(.reply(let reply)) = input, case .records(let page) = reply.body else { return }
        let shared = collecting.shared
        guard let old = collecting.missing, let (_, now) = try? shared.take(old.keys) else { return }
        shared.abandon(old)
        shared.fill(page.records, now)
        collecting.missing = Misses(keys: old.keys, token: old.token, ticket: nil)
    }

    // MARK: Reads that cannot wait

    /// One key, by its name or by its handle.
    func readAtOnce(_ view: Follower, _ key: Key, byHandle: Bool) {
        guard view.follow.filter.matches(key) else { return }
        let reading = ViewRead(id: ask(), view: view, isJoined: view.isJoined, keys: [key], consistency: .cached)
        world.coverage.count(byHandle ? .readHandle : .readCached)
        do {
            let record: Record?
            if byHandle, let slot = view.shared.hold(key) {
                defer { view.shared.release(slot) }
                record = try view.shared.record(slot: slot, key)
            } else {
                record = try view.shared.record(key.text)
            }
            finish(reading, view.shared.token, record.map { [$0] } ?? [], atOnce: true)
        } catch {
            if case .stale = error { world.coverage.count(.staleRefused) }
        }
    }

    /// Everything that an update view holds.
    func readWhole(_ view: Follower) {
        guard view.follow.mode == .update else { return }
        let keys = (world.profile.keys + World.specialKeys).filter { view.follow.filter.matches($0) }
        let reading = ViewRead(id: ask(), view: view, isJoined: view.isJoined, keys: keys, consistency: .cached)
        do {
            let snapshot = try view.shared.snapshot()
            world.coverage.count(.readWhole)
            finish(reading, snapshot.token, snapshot.records, atOnce: true, isAnnouncing: true)
        } catch {
            if case .stale = error { world.coverage.count(.staleRefused) }
        }
    }

    /// What nobody should do: each key as of its own moment.
    private func collectOneByOne(_ reading: ViewRead) {
        let shared = reading.view.shared
        guard let (first, missing) = try? shared.take([reading.keys[0]]) else { return }
        shared.abandon(missing)
        let life = life
        world.after(.milliseconds(60)) { [unowned self] _ in
            guard isAlive(life), missing.keys.isEmpty,
                let (rest, more) = try? shared.take(Array(reading.keys.dropFirst()))
            else { return }
            shared.abandon(more)
            if more.keys.isEmpty { finish(reading, missing.token, first + rest, atOnce: false) }
        }
    }

    private func finish(
        _ reading: ViewRead, _ token: Token, _ found: [Record], atOnce: Bool, isAnnouncing: Bool = false
    ) {
        var read = Read(
            id: reading.id, agent: index, view: reading.view.name, isJoined: reading.isJoined,
            branch: reading.view.follow.branch, keys: reading.keys, consistency: reading.consistency,
            token: token, found: found.filter { !$0.isDeleted })
        read.isAnnouncing = isAnnouncing
        world.answerFromOldSnapshot(&read, reading.view)
        read.isStrict = atOnce && reading.view.shared.whenStale != .serve
        world.note(.read(read))
        world.holdToCaps(reading.view)
    }

    // MARK: Warm files

    /// Saves what its views hold, as files are saved at a regular end.
    func save() {
        let files = followers.compactMap { try? $0.shared.warmFile() }
        if !files.isEmpty { warm = files }
    }
}

extension Read.Consistency {
    fileprivate var dial: Consistency {
        switch self {
        case .cached, .direct: .cached
        case .atLeast(let token): .atLeast(token)
        case .within(let age): .within(age)
        case .linearizable: .linearizable
        }
    }
}

extension World {
    fileprivate func count(_ consistency: Read.Consistency) {
        switch consistency {
        case .cached: coverage.count(.readCached)
        case .direct: coverage.count(.readDirect)
        case .atLeast: coverage.count(.readAtLeast)
        case .within: coverage.count(.readWithin)
        case .linearizable: coverage.count(.readLinearizable)
        }
    }

    fileprivate func count(_ ending: Ending) {
        switch ending {
        case .decided(.committed, _): coverage.count(.committed)
        case .decided(.merged(_, let report), _):
            coverage.count(.merged)
            coverage.count(.parked, times: report.parked)
        case .decided(.forked, _): coverage.count(.forkedFrozen)
        case .decided(.conflict, _): coverage.count(.conflicted)
        case .decided(.unsettled, _): coverage.count(.unsettled)
        case .decided(.held, _): coverage.count(.held)
        case .committedUnseen: coverage.count(.committedUnseen)
        case .refused: coverage.count(.refused)
        case .unknown: coverage.count(.outcomeUnknown)
        }
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
        case .failure(MembusError.refused(let failure)):
            self =
                failure.code == .numberForgotten || failure.code == .numberReused ? .unknown : .refused(failure.message)
        case .failure(MembusError.timeout(_, let isUnknown, _)):
            self = isUnknown ? .unknown : .refused("not sent in time")
        case .failure: self = .unknown
        }
    }
}
