import FoundationEssentials

extension Draft.Contents {
    /// The state that was read, if any was.
    var token: Token? { lineage.flatMap { lineage in at.map { Token(lineage: lineage, position: $0) } } }

    mutating func take(_ fetched: KeysInParts.Fetched) {
        at = at ?? fetched.token.position
        lineage = fetched.token.lineage
        for record in fetched.records { seen[record.key] = record }
    }

    /// What was fetched of the keys, noted as what the transaction builds upon.
    mutating func look(_ keys: [Key]) -> [Record] {
        let records = keys.compactMap { seen[$0] }
        for record in records { reads[record.key] = record.revision }
        return records
    }

    func finish(on branch: BranchName, context: String, message: String) throws -> Draft.Product {
        if let mistake { throw mistake }
        // The version tells which state it was of; that there was none only the state itself.
        let reads = reads.sorted { $0.key < $1.key }.map { key, version in
            ReadVersion(.key(key), version: version, cut: version == 0 ? at?.revision ?? 0 : 0)
        }
        let transaction = Transaction(
            branch: branch, context: context, message: message, preconditions: preconditions, changes: changes,
            reads: reads)
        return Draft.Product(transaction: transaction, token: token)
    }

    mutating func add(_ precondition: Precondition) {
        if !preconditions.contains(precondition) { preconditions.append(precondition) }
    }

    /// What was read must still be so.
    mutating func require(_ record: Record) {
        add(record.isDeleted ? .absent(record.key) : .at(record.key, record.revision))
    }

    /// A transaction holds one change per key: a later one replaces or joins the one before.
    mutating func change(_ key: Key, _ action: Change.Action) {
        guard let place = places[key] else {
            places[key] = changes.count
            changes.append(Change(key, action))
            return
        }
        guard let joined = changes[place].action.followed(by: action) else {
            mistake =
                mistake
                ?? .refused(
                    Refusal(
                        .invalidArgument, "the transaction changes \(key) twice, in ways that do not combine",
                        hint: "change each key once, or put its final value", subject: key.text))
            return
        }
        changes[place].action = joined
    }

    /// Vectors of a value that is put, in place of those of the same space.
    mutating func attach(_ space: Vectors.Space, to key: Key) {
        guard let place = places[key], case .put(var put) = changes[place].action else {
            mistake =
                mistake
                ?? .refused(
                    Refusal(
                        .invalidArgument, "vectors of \(key) come without its value",
                        hint: "put the record in the same transaction, before its vectors", subject: key.text))
            return
        }
        put.vectors = Vectors(put.vectors.spaces + [space])
        changes[place].action = .put(put)
    }
}

extension Change.Action {
    /// Both changes as one; `nil` if that cannot be said without knowing the record.
    func followed(by next: Change.Action) -> Change.Action? {
        switch (self, next) {
        case (_, .put), (_, .delete): return next
        case (.increment(let a), .increment(let b)):
            let (sum, overflow) = a.addingReportingOverflow(b)
            return overflow ? nil : .increment(sum)
        case (.append(let a), .append(let b)): return .append(a + b)
        case (.put(var put), .append(let text)) where put.kind == .text:
            put.value += text
            // They were of what it was.
            put.vectors = .none
            return .put(put)
        default: return nil
        }
    }
}
