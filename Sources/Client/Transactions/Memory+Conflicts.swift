import FoundationEssentials
import MembusSystem

// Conflicts that merges have left for later are records, so that all of this is made of reads and transactions: an agent in
// any language can do it by the protocol alone.

extension Memory {
    /// The conflicts that merges have left for later, and nobody has settled yet, the oldest first.
    /// - Parameters:
    ///   - branch: `nil`: the connection's.
    ///   - timeout: of each request; `nil`: the connection's.
    /// - Throws: like ``range(_:at:keysOnly:branch:pageSize:timeout:)``.
    public func conflicts(
        on branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> [OpenConflict] {
        let branch = branch ?? self.branch
        var conflicts: [(conflict: ParkedConflict, record: Record)] = []
        var claims: [Key: Record] = [:]
        for try await record in range([ParkedConflict.topic.text], branch: branch, timeout: timeout) {
            if let conflict = ParkedConflict(record) {
                conflicts.append((conflict, record))
            } else {
                claims[record.key] = record
            }
        }
        return conflicts.sorted { ($0.conflict.merge, $0.conflict.number) < ($1.conflict.merge, $1.conflict.number) }
            .map { OpenConflict(conflict: $0.conflict, revision: $0.record.revision, claim: claims[$0.conflict.claim]) }
    }

    /// One of them, by its name.
    /// - Parameters:
    ///   - name: `74/1`.
    ///   - branch: `nil`: the connection's.
    ///   - timeout: `nil`: the connection's.
    /// - Returns: `nil`: there is none of that name, or it is settled.
    public func conflict(
        _ name: String, on branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> OpenConflict? {
        guard let key = ParkedConflict.key(named: name) else { return nil }
        let records = try await get([key.text, key.text + "/claim"], branch: branch ?? self.branch, timeout: timeout)
            .records
        guard let record = records.first, !record.isDeleted, let conflict = ParkedConflict(record) else { return nil }
        let claim = records.last.flatMap { $0.isDeleted ? nil : $0 }
        return OpenConflict(conflict: conflict, revision: record.revision, claim: claim)
    }

    /// Says that this agent settles it, for a while: a record that others can't put as long as it is there.
    /// - Parameters:
    ///   - conflict: the one to settle.
    ///   - span: after it the claim is over.
    ///   - branch: `nil`: the connection's.
    ///   - timeout: `nil`: the connection's.
    /// - Throws: ``MembusError/conflict(_:at:)`` if somebody has claimed it, or it is settled;
    ///   else like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func claim(
        _ conflict: OpenConflict, for span: Duration, on branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> Receipt {
        try await transact(branch: branch, timeout: timeout) { tx in
            tx.require(conflict.conflict.key.text, at: conflict.revision)
            tx.require(absent: conflict.conflict.claim.text)
            tx.put(conflict.conflict.claim.text, text: agent, expires: .after(span))
        }
    }

    /// Settles it: puts what is to be there, if ours is still as it was, and ends the conflict.
    /// - Parameters:
    ///   - conflict: the one to settle.
    ///   - choice: whose version it is to be.
    ///   - branch: `nil`: the connection's.
    ///   - message: what the commit is recorded with.
    ///   - timeout: of each request; `nil`: the connection's.
    /// - Throws: ``MembusError/conflict(_:at:)`` if somebody has settled it, or written the key since;
    ///   ``MembusError/refused(_:)`` if the version that was chosen is no longer kept, or theirs was undone on the branch by a
    ///   cascade, or derives from what was, and the conflict does not say so;
    ///   else like ``transact(message:branch:retries:timeout:_:)``.
    @discardableResult
    public func resolve(
        _ conflict: OpenConflict, _ choice: Resolution.Choice, on branch: BranchName? = nil, message: String = "",
        timeout: Duration? = nil
    ) async throws -> Receipt {
        let parked = conflict.conflict
        var transaction = Transaction(branch: branch ?? self.branch, context: context, message: message)
        let present = try await get([parked.conflict], at: nil, branch: transaction.branch, mostBytes: .max).records
            .first
        let isAsItWas = present?.revision ?? 0 == parked.ours?.revision ?? 0
        // A new value is meant for what is there now; one of the sides for what they were.
        var required = isAsItWas ? present : nil
        var change: Change.Action?
        switch choice {
        case .ours:
            required = present
            if isAsItWas, let present, !present.isDeleted { change = .put(Put(present)) }
        case .theirs:
            change = try await content(of: parked.theirs, parked, "theirs", timeout)
            transaction.reads = parked.theirs.map { [ReadVersion(key: parked.conflict, version: $0.revision)] } ?? []
        case .base: change = try await content(of: parked.base, parked, "base", timeout)
        case .put(let new): (required, change) = (present, .put(new))
        case .delete: (required, change) = (present, .delete)
        }
        transaction.preconditions = [
            .at(parked.key, conflict.revision),
            required.map { $0.isDeleted ? .absent(parked.conflict) : .at(parked.conflict, $0.revision) }
                ?? parked.ours.map { .at(parked.conflict, $0.revision) } ?? .absent(parked.conflict),
        ]
        if case .delete? = change, required?.isDeleted ?? true { change = nil }
        transaction.changes = [Change(parked.key, .delete)]
        if let change { transaction.changes.insert(Change(parked.conflict, change), at: 0) }
        // Not over somebody else's head.
        if let claim = conflict.claim, claim.owner.hasSameBytes(as: agent) {
            transaction.changes.append(Change(parked.claim, .delete))
        } else {
            transaction.preconditions.append(.absent(parked.claim))
        }
        return try await submit(transaction, timeout: timeout)
    }

    /// What has the key be as a side has it.
    private func content(
        of side: ParkedConflict.Side?, _ parked: ParkedConflict, _ name: String, _ timeout: Duration?
    ) async throws -> Change.Action {
        guard let side else {
            if name == "base", parked.kind == .noBase || parked.kind == .bothChanged {
                throw MembusError.refused(
                    Refusal(
                        .invalidArgument,
                        "what both sides had in common under key \"\(parked.conflict)\" can't be told",
                        hint: "choose ours or theirs, or put a new value", subject: parked.conflict.text))
            }
            return .delete
        }
        // It is kept for as long as the merge's branches know of it, though the floor has passed its revision.
        let asked = GetHistory(branch: side.branch, key: parked.conflict, before: side.revision + 1, limit: 1)
        let version = try await connection.ask(asked, timeout: timeout).answer.versions.first?.record
        guard var record = version, record.revision == side.revision else {
            throw MembusError.refused(
                Refusal(
                    .belowFloor, "\(name), revision \(side.revision) of key \"\(parked.conflict)\", is no longer kept",
                    hint: "put a new value", subject: parked.conflict.text))
        }
        if record.isDeleted { return .delete }
        if record.value == nil,
            let whole = try await get([parked.conflict.text], at: side.revision, branch: side.branch, timeout: timeout)
                .records.first
        {
            record = whole
        }
        return .put(Put(record))
    }
}

/// A conflict that a merge has left for later.
public struct OpenConflict: Hashable, Sendable {
    public var conflict: ParkedConflict
    /// Of the record that says so.
    public var revision: Revision
    /// Who settles it, and until when; `nil`: nobody has said so.
    public var claim: Record?

    public func hash(into hasher: inout Hasher) { hasher.combine(conflict) }
}

extension Put {
    /// As a record is, but for what only the broker sets.
    fileprivate init(_ record: Record) {
        self.init(
            record.value ?? Data(), kind: record.kind, attributes: record.attributes.withoutReserved,
            links: record.links, expiry: record.expires.map { .at($0) } ?? .never)
    }
}
