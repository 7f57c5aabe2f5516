import FoundationEssentials
import MembusModel

// How the memory's things look as JSON. Names are the protocol's (`protos/membus/v1`); fields that say
// nothing (no attributes, never expires) are left out.

extension JSONValue {
    /// A value: text as it is, anything else as base64.
    package static func value(_ data: Data) -> JSONValue {
        if let text = String(validating: data, as: UTF8.self) { return ["value": .string(text)] }
        return ["value_base64": .string(data.base64EncodedString())]
    }

    package static func record(_ record: Record) -> JSONValue { .record(record, showing: JSONValue.value) }

    /// - Parameter show: the value, as fields.
    package static func record(_ record: Record, showing show: (Data) -> JSONValue) -> JSONValue {
        var shown: JSONValue = ["key": .string(record.key.text), "revision": .integer(record.revision)]
        if record.ordinal > 0 { shown = shown + ["ordinal": .integer(Int64(record.ordinal))] }
        if record.isDeleted { return shown + ["deleted": true] }
        shown = shown + ["kind": .string(record.kind.name)]
        if let value = record.value {
            shown = shown + show(value)
        } else {
            shown = shown + ["announced": true, "size": JSONValue(record.size)]
        }
        return shown + annotations(record)
    }

    private static func annotations(_ record: Record) -> JSONValue {
        var shown: JSONValue = [:]
        if !record.attributes.isEmpty {
            shown = shown + ["attributes": .object(record.attributes.map { Field($0.key, .string($0.value)) })]
        }
        if !record.links.isEmpty { shown = shown + ["links": .array(record.links.map(link))] }
        shown = shown + ["owner": .string(record.owner)]
        if let expires = record.expires { shown = shown + ["expires_ms": .integer(expires.milliseconds)] }
        return shown
    }

    private static func link(_ link: Link) -> JSONValue {
        ["relation": .string(link.relation), "target": .string(link.target.text)]
    }

    package static func position(_ position: Position) -> JSONValue {
        ["revision": .integer(position.revision), "hash": .string(position.hash.hexadecimal)]
    }

    package static func commit(_ info: CommitInfo) -> JSONValue {
        var shown = position(info.position) + ["branch": .string(info.branch.text), "agent": .string(info.agent)]
        if let session = info.session {
            shown = shown + ["session": .string("\(session)"), "number": .integer(Int64(clamping: info.number))]
        }
        shown = shown + ["time_ms": .integer(info.time.milliseconds)]
        if !info.context.isEmpty { shown = shown + ["context": .string(info.context)] }
        if !info.message.isEmpty { shown = shown + ["message": .string(info.message)] }
        return shown
    }

    /// A record's version with the commit that made it.
    package static func version(_ record: Record, by info: CommitInfo) -> JSONValue {
        .record(record) + ["commit": .commit(info)]
    }

    /// What a transaction became.
    /// - Parameter token: of the commit, or of a state in which the preconditions held.
    package static func receipt(_ token: Token, isCommitted: Bool, branch: BranchName) -> JSONValue {
        [
            "revision": .integer(token.revision), "branch": .string(branch.text),
            "committed": .bool(isCommitted), "token": .string("\(token)"),
        ]
    }

    /// - Parameter show: a record that is in the way.
    package static func conflict(
        _ failed: [FailedPrecondition], at position: Position, showing show: (Record) -> JSONValue = JSONValue.record
    ) -> JSONValue {
        ["conflict": .array(failed.map { failedPrecondition($0, show) }), "position": .position(position)]
    }

    package static func merged(_ position: Position, _ report: MergeReport) -> JSONValue {
        [
            "merged": true, "position": .position(position), "source": .integer(report.source),
            "written": JSONValue(report.written), "agreed": JSONValue(report.agreed),
            "settled": JSONValue(report.settled), "parked": JSONValue(report.parked),
        ]
    }

    /// What somebody has to decide.
    package static func unsettled(
        _ conflicts: [MergeConflict], unlisted: Int, at position: Position,
        showing show: (Record) -> JSONValue = JSONValue.record
    ) -> JSONValue {
        [
            "unsettled": .array(conflicts.map { mergeConflict($0, show) }), "unlisted": JSONValue(unlisted),
            "position": .position(position),
        ]
    }

    private static func mergeConflict(_ conflict: MergeConflict, _ show: (Record) -> JSONValue) -> JSONValue {
        var shown: JSONValue = ["key": .string(conflict.key.text), "kind": .string(conflict.kind.rawValue)]
        for (name, version) in [("base", conflict.base), ("ours", conflict.ours), ("theirs", conflict.theirs)] {
            guard let version else { continue }
            var told = show(version.record)
            if let commit = version.commit { told = told + ["commit": .commit(commit)] }
            shown = shown + [name: told]
        }
        if let revert = conflict.undoneBy { shown = shown + ["undone_by": .integer(revert)] }
        return shown
    }

    /// What would be written.
    package static func plan(
        _ plan: Plan, on branch: BranchName, showing show: (Record) -> JSONValue = JSONValue.record
    ) -> JSONValue {
        [
            "plan": .string("\(plan.id)"), "branch": .string(branch.text), "at": .position(plan.at),
            "changes": .array(
                plan.changes.map { change in
                    var shown: JSONValue = ["key": .string(change.key.text)]
                    if let from = change.from { shown = shown + ["from": show(from)] }
                    if let to = change.to { shown = shown + ["to": show(to)] }
                    return shown + [
                        "made_of": .array(change.madeOf.map { .integer($0) }), "settled": .bool(change.isSettled),
                    ]
                }),
            "unlisted": JSONValue(plan.unlisted), "agreed": JSONValue(plan.agreed),
            "contained": .bool(plan.isContained),
            "conflicts": .array(plan.conflicts.map { mergeConflict($0, show) }),
            "unlisted_conflicts": JSONValue(plan.unlistedConflicts),
        ]
    }

    /// A conflict that was left for later.
    package static func parked(_ conflict: ParkedConflict, claimedBy owner: String?) -> JSONValue {
        func side(_ side: ParkedConflict.Side?) -> JSONValue {
            side.map { ["branch": .string($0.branch.text), "revision": .integer($0.revision)] } ?? .null
        }
        return [
            "conflict": .string(conflict.name), "key": .string(conflict.conflict.text),
            "kind": .string(conflict.kind.rawValue), "source": .string(conflict.source.text),
            "base": side(conflict.base), "ours": side(conflict.ours), "theirs": side(conflict.theirs),
            "claimed_by": owner.map { .string($0) } ?? .null,
        ]
    }

    private static func failedPrecondition(_ failed: FailedPrecondition, _ show: (Record) -> JSONValue) -> JSONValue {
        var shown: JSONValue = ["key": .string(failed.key.text), "revision": .integer(failed.revision)]
        if let current = failed.current { shown = shown + ["current": show(current)] }
        return shown + ["precondition": precondition(failed.precondition)]
    }

    private static func precondition(_ precondition: Precondition) -> JSONValue {
        switch precondition {
        case .at(let key, let revision): ["at": ["key": .string(key.text), "revision": .integer(revision)]]
        case .absent(let key): ["absent": .string(key.text)]
        case .unchanged(let topic, let since): ["unchanged": ["topic": .string(topic.text), "since": .integer(since)]]
        case .sound: ["sound": true]
        }
    }
}
