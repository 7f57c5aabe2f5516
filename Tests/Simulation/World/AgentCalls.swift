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
            guard isAlive(life) else { return }
            let ending = Ending(result)
            world.count(ending)
            if case .decided(.committed(let position), let lineage) = ending {
                world.tokens.append(Token(lineage: lineage, position: position))
            }
            world.note(.finished(op, agent: index, ending))
        }
    }

    // MARK: Reads of the broker

    func readDirectly(_ keys: [Key], on branch: BranchName) {
        let id = ask()
        world.coverage.count(.readDirect)
        get(Get(branch: branch, keys: keys)) { [unowned self] result in
            guard case .success(let fetched) = result else { return }
            world.note(
                .read(
                    Read(
                        id: id, agent: index, view: nil, isJoined: true, branch: branch, keys: keys,
                        consistency: .direct, token: fetched.token, found: fetched.records.filter { !$0.isDeleted })))
        }
    }

    /// As `Connection.records` does: in as many requests as the broker's pages ask for.
    private func get(
        _ get: Get, before: [Record] = [],
        _ then: @escaping (Result<(records: [Record], token: Token), any Error>) -> Void
    ) {
        call(.request(.get(get)), timeout: .seconds(5)) { [unowned self] result in
            let reply: Reply
            switch result {
            case .failure(let error): return then(.failure(error))
            case .success(.reply(let answer)): reply = answer
            case .success: return then(.failure(Connection.unexpected))
            }
            guard case .records(let page) = reply.body, !page.records.isEmpty, page.records.count <= get.keys.count
            else {
                return then(.failure(Connection.unexpected))
            }
            let records = before + page.records
            if page.records.count == get.keys.count {
                return then(.success((records, Token(lineage: reply.lineage, position: page.at))))
            }
            var rest = get
            (rest.keys, rest.at) = (Array(get.keys.dropFirst(page.records.count)), page.at)
            self.get(rest, before: records, then)
        }
    }

    /// All records of some topics, page by page: `RangePaging` decides, as for `Memory.range`.
    func readRange(_ filter: TopicFilter, on branch: BranchName, pageSize: Int) {
        let keys = (world.profile.keys + World.specialKeys).filter { filter.matches($0) }
        guard !keys.isEmpty else { return }
        let paging = RangePaging(branch: branch, filter: filter, pageSize: pageSize)
        world.coverage.count(.readRange)
        nextPage(of: paging, at: nil, before: []) { [unowned self, id = ask()] token, records in
            world.note(
                .read(
                    Read(
                        id: id, agent: index, view: nil, isJoined: true, branch: branch, keys: keys,
                        consistency: .direct, token: token, found: records)))
        }
    }

    private func nextPage(
        of paging: RangePaging, at place: PagePlace?, before: [Record], _ then: @escaping (Token, [Record]) -> Void
    ) {
        call(.request(.range(paging.request(place))), timeout: .seconds(5)) { [unowned self] result in
            guard case .success(.reply(let reply)) = result, let answered = try? Answered(reply, to: GetRange.self),
                let taken = try? paging.take(answered, at: place)
            else {
                return
            }
            let records = before + taken.page
            guard let next = taken.next else { return then(taken.of, records) }
            world.coverage.count(.rangeContinued)
            nextPage(of: paging, at: next, before: records, then)
        }
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
        let collecting = Collecting(keys, from: view.shared)
        let asked = world.mutant == .waitIgnored ? .cached : consistency.dial
        carryOn(reading, collecting, until: now + .seconds(5)) { try $0.begin(asked) }
    }

    /// Does what the product's own code says, until the read is done or fails.
    private func carryOn(
        _ reading: ViewRead, _ collecting: Collecting, until deadline: Instant, isFirst: Bool = true,
        _ step: (inout Collecting) throws -> Collecting.Action
    ) {
        var collecting = collecting
        let action: Collecting.Action
        do { action = try step(&collecting) } catch {
            if case MembusError.stale = error { world.coverage.count(.staleRefused) }
            return
        }
        let next = { [self] (input: Collecting.Input) in
            carryOn(reading, collecting, until: deadline, isFirst: false) { try $0.take(input) }
        }
        switch action {
        case .finished(let snapshot): finish(reading, snapshot.token, snapshot.records, atOnce: isFirst)
        case .reach(let freshness):
            if case .live = freshness { world.coverage.count(.staleWaited) }
            call(.reach(reading.view.id, freshness), timeout: deadline - now) { result in
                if case .success = result { next(.passed) }
            }
        case .pause(let time):
            world.coverage.count(.fetchRetried)
            let life = life
            world.after(time) { [index] world in if world.agents[index].isAlive(life) { next(.passed) } }
        case .fetch(let get): fetch(get, reading, collecting, until: deadline)
        }
    }

    private func fetch(_ get: Get, _ reading: ViewRead, _ collecting: Collecting, until deadline: Instant) {
        var (get, collecting) = (get, collecting)
        world.coverage.count(reading.view.follow.mode == .update ? .announced : .evicted)
        if world.mutant == .evictedIsDeleted, let missing = collecting.missing {
            collecting.abandon()
            return finish(reading, missing.token, collecting.found, atOnce: false)
        }
        if world.mutant == .fillAtHead { get.at = nil }
        self.get(get) { [unowned self] result in
            switch result {
            case .success(let fetched):
                if world.mutant == .lateFill { fillLate(&collecting, fetched.records) }
                carryOn(reading, collecting, until: deadline, isFirst: false) {
                    try $0.take(.fetched(fetched.records, of: fetched.token))
                }
            case .failure(let error):
                carryOn(reading, collecting, until: deadline, isFirst: false) {
                    try $0.take(.failed(error, isLast: now >= deadline))
                }
            }
        }
    }

    /// What nobody should do: install what was fetched as if it were asked for only now.
    private func fillLate(_ collecting: inout Collecting, _ records: [Record]) {
        let shared = collecting.shared
        guard let old = collecting.missing, let (_, now) = try? shared.take(old.keys) else { return }
        shared.abandon(old)
        shared.fill(records, now)
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
        case .decided(.conflict, _): coverage.count(.conflicted)
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
