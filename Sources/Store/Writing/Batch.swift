import Glibc
import MembusModel

/// A batch under way, inside its SQLite transaction. What it inserts it also notes as decided, in order, if somebody
/// wants to know.
struct Batch {
    let db: Database
    let writer: Writer
    /// What expires by then is over.
    let now: Timestamp
    /// Of its commits: never before that of an earlier one.
    let time: Timestamp
    private(set) var commits: [Commit] = []
    /// Branches that its commits have deleted.
    var deleted: [BranchName] = []
    private(set) var entries: [DecidedBatch.Entry] = []
    private let isCollecting: Bool
    private let follows: (revision: Revision, hash: [UInt8])
    private var commitRow: Prepared
    private var changeRow: Prepared

    /// - Parameter items: how many there will be, if what is decided is to be collected.
    init(db: Database, writer: Writer, now: Timestamp, collecting items: Int?) {
        self.db = db
        self.writer = writer
        self.now = now
        time = max(now, writer.state.time)
        follows = (writer.state.head.revision, writer.state.hash)
        commitRow = writer.statements.commitRow
        changeRow = writer.statements.changeRow
        isCollecting = items != nil
        // A transaction leaves a commit and a number.
        if let items { entries.reserveCapacity(2 * items) }
    }

    /// What was decided so far; all of it, once sessions are saved.
    var decided: DecidedBatch {
        DecidedBatch(
            lineage: writer.lineage, follows: follows.revision, followedHash: follows.hash, time: time,
            mostKept: writer.sessions.mostKept, entries: entries, reachedHash: writer.state.hash)
    }

    mutating func decided(_ entry: @autoclosure () -> DecidedBatch.Entry) {
        if isCollecting { entries.append(entry()) }
    }

    mutating func run(_ item: WriteItem) throws -> WriteResult {
        switch item {
        case .transact(let request, let fingerprint, let prepared):
            return try transact(request, fingerprint, prepared)
        case .openSession(let id, let agent): return try openSession(id, agent)
        case .closeSession(let id): return try closeSession(id)
        case .noteReads(let notes): return try note(notes)
        case .expire:
            try expire()
            return .done
        case .compact(let request, let retention): return try raiseFloor(request, by: retention)
        case .dropSessions(let life): return try dropSessions(unusedFor: life)
        }
    }

    // MARK: Sessions

    private mutating func openSession(_ id: SessionID, _ agent: String) throws -> WriteResult {
        if let refusal = FreeText.refusal(agent, "agent's name") { return .refused(refusal) }
        guard try writer.sessions.open(db, id, agent: agent, now: time) else {
            return .refused(Refusal(.busy, "the session's random id is taken"))
        }
        decided(.opened(id, agent: agent))
        return .done
    }

    private mutating func closeSession(_ id: SessionID) throws -> WriteResult {
        if try writer.sessions.drop(db, id) { decided(.dropped([id])) }
        return .done
    }

    /// The session's rules come first: what it knows is answered, what is not its turn is refused, and only
    /// the next number is executed.
    private mutating func transact(
        _ request: Transact, _ fingerprint: UInt64, _ prepared: PreparedWork?
    ) throws -> WriteResult {
        guard let admitted = try writer.sessions.admit(db, request, fingerprint: fingerprint) else {
            return .refused(Refusal(.unknownSession, "session \(request.session) is not known to this store"))
        }
        let result: WriteResult
        switch admitted.admission {
        case .refuse(let refusal): result = .refused(refusal)
        case .known(let kept): result = try answer(kept.result, again: request)
        case .execute: result = try execute(request, prepared, by: admitted.agent)
        }
        guard case .execute = admitted.admission, let outcome = Kept(result, of: request) else {
            acknowledge(admitted, by: request.session)
            return result
        }
        let kept = KeptResult(fingerprint: fingerprint, result: outcome)
        writer.sessions.decided(request.session, number: request.number, kept)
        decided(
            .number(
                DecidedNumber(
                    session: request.session, number: request.number, kept: kept, acknowledged: admitted.acknowledged)))
        return result
    }

    /// A request that uses up no number may still tell what its client has; that goes to disk with the session's row, if
    /// the batch writes it.
    private mutating func acknowledge(_ admitted: SessionTable.Admitted, by session: SessionID) {
        guard admitted.tellsMore, writer.sessions.isChanged(session) else { return }
        for place in entries.indices.reversed() {
            guard case .number(var number) = entries[place], number.session == session else { continue }
            number.acknowledged = admitted.acknowledged
            entries[place] = .number(number)
            return
        }
    }

    private mutating func execute(
        _ request: Transact, _ prepared: PreparedWork?, by agent: String
    ) throws -> WriteResult {
        let author = Author(agent: agent, session: request.session, number: request.number)
        switch request.work {
        case .failure(let refusal): return .refused(refusal)
        case .success(.transaction(let transaction)): return try execute(transaction, by: author)
        case .success(.fork(let fork)): return try planned { try $0.execute(fork, by: author) }
        case .success(.branch(let change)): return try planned { try $0.execute(change, by: author) }
        case .success(.tag(let change)): return try planned { try $0.execute(change, by: author) }
        case .success(let work): return try planned { try $0.execute(planned: work, prepared, by: author) }
        }
    }

    /// What is refused while it is planned has written nothing.
    private mutating func planned(_ body: (inout Batch) throws -> WriteResult) throws -> WriteResult {
        do { return try body(&self) } catch let refusal as Refusal { return .refused(refusal) }
    }

    // MARK: Transactions

    private mutating func execute(_ asked: Transaction, by author: Author) throws -> WriteResult {
        var transaction = asked
        let branch: Branch
        do throws(Refusal) {
            let branches = writer.state.branches
            branch =
                try transaction.changes.isEmpty
                ? branches.present(transaction.branch) : branches.writable(transaction.branch)
        } catch { return .refused(error) }
        if let refusal = FreeText.refusal(in: transaction) { return .refused(refusal) }
        if let refusal = try expireWhatIsNamed(by: transaction, on: branch) { return .refused(refusal) }
        do { transaction = try settling(transaction, on: branch) } catch let refusal as Refusal {
            return .refused(refusal)
        }
        let facts: Facts
        switch try FactLoader(db: db, state: writer.state, branch: branch, unsound: writer.unsound).load(
            transaction, by: author, now: now, limits: writer.limits)
        {
        case .success(let loaded): facts = loaded
        case .failure(let refusal): return .refused(refusal)
        }
        switch decide(transaction, on: facts) {
        case .refused(let refusal): return .refused(refusal)
        case .held: return .outcome(.held(writer.state.head))
        case .conflict(let failed):
            return .outcome(.conflict(try withRecords(failed, on: branch), at: writer.state.head))
        case .write(let records):
            let info = info(author, on: branch.name, context: transaction.context, message: transaction.message)
            let position = try append(
                info, on: branch, fork: nil, preconditions: transaction.preconditions, reads: transaction.reads,
                records: records, derived: transaction.derived(among: records),
                provenance: Provenance(origins: transaction.origins(of: records, after: facts.heads)),
                heads: facts.heads)
            return .outcome(.committed(position))
        }
    }

    /// What is in the way, with the values of as much of it as may travel.
    private func withRecords(_ failed: [FailedPrecondition], on branch: Branch) throws -> [FailedPrecondition] {
        let levels = writer.state.branches.levels(of: branch, at: writer.state.head.revision)
        var room = ConflictRoom()
        return try failed.map { failed in
            guard let current = failed.current else { return failed }
            var failed = failed
            if !room.takes(current) {
                failed.current = current.announced
            } else if current.value == nil {
                failed.current = try NewestVersion.record(db, failed.key, levels)
            }
            return failed
        }
    }

    func info(_ author: Author, on branch: BranchName, context: String, message: String) -> CommitInfo {
        CommitInfo(
            revision: writer.state.head.revision + 1, hash: 0, branch: branch, agent: author.agent,
            session: author.session, number: author.number, time: time, context: context, message: message)
    }

    /// Writes one commit and makes it the head.
    /// - Parameters:
    ///   - derived: ordinals of the records that are made of what their key had.
    ///   - provenance: how the records came to be, where that is more than that they were put.
    ///   - heads: what keys have, as far as it is at hand.
    mutating func append(
        _ info: CommitInfo, on branch: Branch, fork: DecidedFork?, preconditions: [Precondition],
        reads: [ReadVersion], records: [Record], derived: [UInt32] = [], provenance: Provenance = .none,
        heads: [Key: Record] = [:]
    ) throws -> Position {
        precondition(info.revision == writer.state.head.revision + 1, "revisions are dense")
        let hash = CommitHash.next(
            after: writer.state.hash, info: info, fork: fork?.fork, preconditions: preconditions, reads: reads,
            records: records, provenance: provenance)
        var info = info
        info.hash = shortHash(hash)
        try CommitRow.insert(
            info, on: branch.id, preconditions: preconditions, reads: reads, provenance: provenance, hash: hash,
            by: &commitRow)
        for (ordinal, record) in records.enumerated() {
            precondition(
                record.revision == info.revision && Int(record.ordinal) == ordinal, "a commit's ordinals run from 0")
            try insert(record, on: branch, isDerived: derived.contains(record.ordinal), after: heads[record.key])
            if let expires = record.expires {
                writer.state.expiry.written(
                    expires, at: LogCursor(revision: record.revision, ordinal: record.ordinal), on: branch.id)
            }
        }
        if let deed = provenance.deed {
            let marked = records.map { VersionName($0.key, at: info.revision) }
            try remember(deed, of: info, marked: marked, on: branch)
        }
        writer.state.hash = hash
        writer.state.head = info.position
        writer.state.time = info.time
        let commit = Commit(info: info, records: records)
        commits.append(commit)
        decided(
            .commit(
                DecidedCommit(
                    commit: commit, fork: fork, preconditions: preconditions, reads: reads, derived: derived,
                    provenance: provenance)))
        return info.position
    }

    private mutating func insert(_ record: Record, on branch: Branch, isDerived: Bool, after head: Record?) throws {
        guard isDerived, record.size >= SplicedValues.least,
            let previous = try head?.value == nil ? newest(record.key, on: branch) : head,
            let stored = try SplicedValues(db: db).stored(record, on: branch.id, previous: previous)
        else { return try RecordRow.insert(record, on: branch.id, by: &changeRow) }
        try RecordRow.insert(record, on: branch.id, as: stored, by: &changeRow)
        try db.run(
            "INSERT INTO spliced(position, base) VALUES(?, ?)",
            [LogCursor(revision: record.revision, ordinal: record.ordinal).position, stored.base.position])
    }

    /// Of the branch's own.
    private func newest(_ key: Key, on branch: Branch) throws -> Record? {
        try NewestVersion.record(db, key, [Level(branch: branch.id, upTo: writer.state.head.revision)])
    }
}

/// Who makes a commit.
struct Author {
    var agent: String
    var session: SessionID?
    var number: UInt64

    static let broker = Author(agent: CommitInfo.broker, session: nil, number: 0)
}

/// Texts that users choose freely and SQLite keeps as text, where a NUL would end them.
enum FreeText {
    static func refusal(_ text: String, _ what: @autoclosure () -> String) -> Refusal? {
        var text = text
        let hasNUL = text.withUTF8 { bytes in bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false }
        guard hasNUL else { return nil }
        return Refusal(.invalidArgument, "the \(what()) contains a NUL character", hint: "remove it")
    }

    static func refusal(in transaction: Transaction) -> Refusal? {
        if let refusal = refusal(transaction.context, "context") ?? refusal(transaction.message, "message") {
            return refusal
        }
        for change in transaction.changes {
            if case .put(let put) = change.action, let refusal = refusal(put.kind.name, "kind of \"\(change.key)\"") {
                return refusal
            }
        }
        return nil
    }
}

extension Refusal {
    static func unknownBranch(_ name: BranchName) -> Refusal {
        Refusal(.unknownBranch, "there is no branch \"\(name)\"", subject: name.text)
    }
}
