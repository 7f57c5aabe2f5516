import FoundationEssentials

// The decision, in this order:
//   1. what no state can make right (two changes of one key, a precondition on the future) is refused;
//   2. every precondition is tested; if any fails, all that failed are the answer;
//   3. each change gives one version, in order; the first that can't be made refuses the whole;
//   4. no versions: nothing to commit, and the preconditions held.
// A record whose time has come stays a record until the broker's own commit deletes it, so nothing here
// looks at the expiry of what is there.

extension Transaction {
    /// What ``decide(_:on:)`` will look at. A plain put needs nothing: it replaces whatever is there.
    package var needs: Needs {
        var needs = Needs(keys: [:], topics: [])
        for (index, precondition) in preconditions.enumerated() {
            switch precondition {
            case .at(let key, _), .absent(let key): needs.keys[key] = true
            case .unchanged(let topic, let since): needs.topics.append((index, topic, since))
            case .sound: needs.soundness = true
            }
        }
        for change in changes {
            switch change.action {
            case .put: break
            case .delete: if needs.keys[change.key] == nil { needs.keys[change.key] = false }
            case .increment, .append, .mergePatch: needs.keys[change.key] = true
            }
        }
        return needs
    }
}

/// What becomes of a transaction in the state that `facts` describe: a pure function, so that the same
/// sequence of transactions gives the same revisions and states on any machine.
///
/// - Precondition: `facts` hold what ``Transaction/needs`` names, values included where it says so.
package func decide(_ transaction: Transaction, on facts: Facts) -> Decision {
    if let refusal = transaction.doubledKeyRefusal ?? transaction.futureRefusal(beyond: facts.head.revision) {
        return .refused(refusal)
    }
    let failed = transaction.preconditions.enumerated().compactMap { facts.refusal(of: $1, index: $0) }
    guard failed.isEmpty else { return .conflict(failed) }

    var records: [Record] = []
    records.reserveCapacity(transaction.changes.count)
    do throws(Refusal) {
        for change in transaction.changes {
            let place = LogCursor(revision: facts.head.revision + 1, ordinal: UInt32(records.count))
            if let record = try facts.version(after: change, at: place) { records.append(record) }
        }
    } catch {
        return .refused(error)
    }
    return records.isEmpty ? .held : .write(records)
}

extension Transaction {
    /// The ordinals of the versions that were made of what their keys had, and may be told by what they changed of it.
    package func derived(among records: [Record]) -> [UInt32] {
        // Mostly there are none.
        let keys = changes.filter { $0.action.isDerived }.map(\.key)
        if keys.isEmpty { return [] }
        let derived = Set(keys)
        return records.filter { derived.contains($0.key) && !$0.isDeleted }.map(\.ordinal)
    }

    /// Changes of one commit have no order that a reader could see, so a key has at most one.
    var doubledKeyRefusal: Refusal? {
        guard changes.count > 1 else { return nil }
        var seen: Set<Key> = []
        seen.reserveCapacity(changes.count)
        for change in changes where !seen.insert(change.key).inserted {
            return Refusal(
                .invalidArgument, "key \"\(change.key)\" is changed twice in one transaction",
                hint: "combine its changes into one, or use two transactions", subject: change.key.text)
        }
        return nil
    }

    /// "Unchanged since a revision that does not exist yet" would hold for any state: the reader builds on
    /// something that this history does not contain.
    fileprivate func futureRefusal(beyond head: Revision) -> Refusal? {
        for case .unchanged(let topic, let since) in preconditions where since > head {
            return Refusal(
                .beyondHead,
                "topic \"\(topic)\" is required unchanged since revision \(since), but the head is \(head)",
                hint: "name the revision that you read the topic at", subject: topic.text)
        }
        return nil
    }
}

extension Facts {
    /// The key's record; `nil` if it has none, also if its newest version is a deletion.
    private func record(_ key: Key) -> Record? {
        guard let head = heads[key], !head.isDeleted else { return nil }
        return head
    }

    fileprivate func refusal(of precondition: Precondition, index: Int) -> FailedPrecondition? {
        switch precondition {
        case .at(let key, let revision):
            (record(key)?.revision ?? 0) == revision ? nil : failed(precondition, index, key, heads[key])
        case .absent(let key):
            record(key) == nil ? nil : failed(precondition, index, key, heads[key])
        case .unchanged:
            changed[index].map { failed(precondition, index, $0.key, $0) }
        case .sound:
            unsound.map {
                FailedPrecondition(
                    precondition: precondition, index: index, key: $0.key, revision: $0.revision, current: nil)
            }
        }
    }

    private func failed(
        _ precondition: Precondition, _ index: Int, _ key: Key, _ head: Record?
    ) -> FailedPrecondition {
        FailedPrecondition(
            precondition: precondition, index: index, key: key, revision: head?.revision ?? 0,
            current: head?.isDeleted == false ? head : nil)
    }

    /// The version that a change leaves; `nil` for the deletion of a key that has no record.
    fileprivate func version(after change: Change, at place: LogCursor) throws(Refusal) -> Record? {
        let key = change.key
        switch change.action {
        case .put(let put): return try version(putting: put, under: key, at: place)
        case .delete:
            return record(key) == nil ? nil : .deletion(of: key, revision: place.revision, ordinal: place.ordinal)
        case .increment(let amount):
            return try merged(key, .counter, at: place) { (old: Data?) throws(Refusal) in
                try incremented(old, by: amount, key: key)
            }
        case .append(let text):
            return try merged(key, .text, at: place) { (old: Data?) throws(Refusal) in
                guard text.isUTF8 else { throw invalid(key, "the text to append is not UTF-8") }
                return (old ?? Data()) + text
            }
        case .mergePatch(let patch):
            return try merged(key, .json, at: place) { (old: Data?) throws(Refusal) in
                try patched(old, with: patch, key: key)
            }
        }
    }

    private func version(putting put: Put, under key: Key, at place: LogCursor) throws(Refusal) -> Record {
        if let refusal = put.refusal(under: key) { throw refusal }
        return Record(
            key: key, revision: place.revision, ordinal: place.ordinal, kind: put.kind, content: .inline(put.value),
            attributes: put.attributes, links: put.links, owner: agent, expires: put.expiry.end(from: now),
            vectors: put.vectors)
    }

    // MARK: Merges

    /// The next version of a record whose value the broker computes: all but the value stays as it is.
    private func merged(
        _ key: Key, _ kind: Kind, at place: LogCursor, _ compute: (Data?) throws(Refusal) -> Data
    ) throws(Refusal) -> Record {
        let old = record(key)
        if let old, old.kind != kind {
            throw Refusal(
                .wrongKind, "key \"\(key)\" is of kind \(old.kind); this change is for kind \(kind)", subject: key.text)
        }
        precondition(old == nil || old?.value != nil, "the facts lack the value of \(key), which the transaction needs")
        let value = try compute(old?.value)
        if let refusal = limits.refusal(valueOf: value.count, under: key) { throw refusal }
        return Record(
            key: key, revision: place.revision, ordinal: place.ordinal, kind: kind, content: .inline(value),
            attributes: old?.attributes ?? [:], links: old?.links ?? [], owner: old?.owner ?? agent,
            // What is made of a frozen record would else be over before anybody sees it.
            expires: frozen.contains(key) ? nil : old?.expires,
            vectors: value == old?.value ? old?.vectors ?? .none : .none)
    }

    private func incremented(_ old: Data?, by amount: Int64, key: Key) throws(Refusal) -> Data {
        var value: Int64 = 0
        if let old {
            guard let present = counter(old) else { throw invalid(key, "the counter's stored value is no number") }
            value = present
        }
        let (sum, overflow) = value.addingReportingOverflow(amount)
        if overflow { throw invalid(key, "\(value) and \(amount) add up to more than a 64-bit counter holds") }
        return Data(String(sum).utf8)
    }

    private func patched(_ old: Data?, with patch: Data, key: Key) throws(Refusal) -> Data {
        let change: JSON
        do throws(JSONFault) { change = try JSON(parsing: patch) } catch {
            throw invalid(key, "the patch is not JSON: \(error)")
        }
        guard let old else { return JSON.null.merging(change).serialised }
        do throws(JSONFault) { return try JSON(parsing: old).merging(change).serialised } catch {
            throw invalid(key, "the record's stored value is not JSON: \(error)")
        }
    }
}

/// One spelling per number, so that equal counters have equal values.
private func counter(_ value: Data) -> Int64? {
    guard value.count <= 20, let text = String(data: value, encoding: .utf8), let count = Int64(text),
        String(count) == text
    else { return nil }
    return count
}

private func invalid(_ key: Key, _ reason: String) -> Refusal {
    Refusal(.invalidValue, "key \"\(key)\": \(reason)", subject: key.text)
}

extension Put {
    /// Why its value is none of its kind; `nil`: it is.
    package func refusal(under key: Key) -> Refusal? {
        switch kind {
        case .text: return value.isUTF8 ? nil : invalid(key, "the value is not UTF-8, as kind text demands")
        case .json: return JSON.fault(in: value).map { invalid(key, "the value is not JSON: \($0)") }
        case .counter:
            return counter(value) == nil ? invalid(key, "the value is not a decimal 64-bit integer such as -12") : nil
        default: return nil
        }
    }
}

extension Put.Expiry {
    /// When that is, for what is committed now.
    package func end(from now: Timestamp) -> Timestamp? {
        switch self {
        case .never: return nil
        case .at(let time): return time
        case .after(let duration):
            // At least a millisecond; beyond the end of time means the end of time.
            let (end, overflow) = now.milliseconds.addingReportingOverflow(max(1, duration.wholeMilliseconds))
            return Timestamp(milliseconds: overflow ? .max : end)
        }
    }
}

extension Change.Action {
    fileprivate var isDerived: Bool {
        switch self {
        case .append, .mergePatch: true
        // A counter is as short as what it was incremented by.
        case .put, .delete, .increment: false
        }
    }
}
