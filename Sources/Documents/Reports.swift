import MembusModel

// What a broker tells of itself and of its store, as JSON.

extension JSONValue {
    package static func status(_ figures: BrokerFigures, _ lineage: Lineage, _ instance: Instance) -> JSONValue {
        let f = figures
        func microseconds(_ duration: Duration) -> JSONValue { .integer(duration.wholeNanoseconds / 1000) }
        return [
            "head": .position(f.head), "floor": .integer(f.floor), "lineage": .string("\(lineage)"),
            "instance": .string("\(instance)"), "software": .string(f.software),
            "uptime_ms": .integer(f.uptime.wholeMilliseconds),
            "transactions_waiting": JSONValue(f.transactionsWaiting), "reads_waiting": JSONValue(f.readsWaiting),
            "streams": JSONValue(f.streams), "sessions": JSONValue(f.sessions), "commits": .integer(f.commits),
            "conflicts": .integer(f.conflicts), "refused": .integer(f.refused), "busy": .integer(f.busy),
            "malformed": .integer(f.malformed), "events_published": .integer(f.eventsPublished),
            "events_announced": .integer(f.eventsAnnounced), "replies_dropped": .integer(f.repliesDropped),
            "pulls": .integer(f.pulls), "batches": .integer(f.batches), "sync_median_us": microseconds(f.syncMedian),
            "sync_p99_us": microseconds(f.syncP99), "commit_median_us": microseconds(f.commitMedian),
            "commit_p99_us": microseconds(f.commitP99), "wal_bytes": .integer(f.walBytes),
            "store_bytes": .integer(f.storeBytes), "counts": counts(f.counts),
            "held_log": f.heldLog.map { heldLog($0) } ?? .null,
            "tags": .integer(f.tags), "tags_below_floor": .integer(f.tagsBelowFloor),
            "index": f.index.map { indexFigures($0) } ?? .null,
            "evicted_history": f.evictedHistory.map { amount($0.all) + ["segments": groups($0.segments)] } ?? .null,
        ]
    }

    private static func heldLog(_ held: HeldLog) -> JSONValue {
        [
            "bytes": .integer(held.bytes), "held_ms": .integer(held.duration.wholeMilliseconds),
            "holders": .array(
                held.holders.map {
                    [
                        "pid": .integer(Int64($0.process)), "name": .string($0.name),
                        "held_ms": .integer($0.duration.wholeMilliseconds),
                    ]
                }),
        ]
    }

    /// `null`: not counted yet.
    package static func counts(_ counts: MemoryCounts?) -> JSONValue {
        guard let counts else { return .null }
        return ["at": .position(counts.at)] + amount(counts.all)
            + ["segments": groups(counts.segments), "owners": groups(counts.owners)]
    }

    private static func amount(_ amount: MemoryCounts.Amount) -> JSONValue {
        ["records": .integer(amount.records), "bytes": .integer(amount.bytes)]
    }

    private static func groups(_ groups: MemoryCounts.Groups) -> JSONValue {
        [
            "names": JSONValue(groups.names), "most_names": JSONValue(groups.mostNames),
            "largest": .array(groups.largest.map { ["name": .string($0.name)] + amount($0.amount) }),
            "others": amount(groups.others),
        ]
    }

    package static func verification(_ result: Verification) -> JSONValue {
        [
            "revision": .integer(result.revision), "floor": .integer(result.floor),
            "commits": .integer(result.commits), "changes": .integer(result.changes),
            "problems": .array(result.problems.map { .string($0) }),
        ]
    }

    package static func branch(_ branch: BranchInfo) -> JSONValue {
        var shown: JSONValue = ["name": .string(branch.name.text)]
        if let parent = branch.parent {
            shown =
                shown + [
                    "parent": .string(parent.text), "fork_revision": .integer(branch.forkRevision),
                    "created": .integer(branch.created),
                ]
        }
        if branch.isClosed { shown = shown + ["closed": true] }
        if branch.isProtected { shown = shown + ["protected": true] }
        return branch.figures.map { shown + ["figures": figures($0)] } ?? shown
    }

    private static func figures(_ figures: BranchFigures) -> JSONValue {
        var shown: JSONValue = [
            "head": .integer(figures.head), "ahead": .integer(figures.ahead), "behind": .integer(figures.behind),
        ]
        if let merged = figures.merged {
            shown =
                shown + [
                    "merged_into": .string(merged.into.text), "merged": .integer(merged.revision),
                    "merged_source": .integer(merged.source),
                ]
        }
        return shown + ["open_conflicts": .integer(figures.openConflicts)]
    }

    package static func tag(_ tag: TagInfo) -> JSONValue {
        var shown: JSONValue = [
            "name": .string(tag.name.text), "branch": .string(tag.branch.text), "revision": .integer(tag.revision),
            "agent": .string(tag.agent), "time_ms": .integer(tag.time.milliseconds),
        ]
        if !tag.message.isEmpty { shown = shown + ["message": .string(tag.message)] }
        shown = shown + ["created": .integer(tag.created)]
        return tag.holdsHistory ? shown + ["holds_history": true] : shown
    }

    /// What a fork's receipt tells besides.
    package static func forked(from parent: BranchName, at revision: Revision, _ frozen: FrozenCount?) -> JSONValue {
        let state: JSONValue = ["parent": .string(parent.text), "at": .integer(revision)]
        guard let frozen else { return state }
        return state + ["frozen": ["records": JSONValue(frozen.records), "more": .bool(!frozen.isAll)]]
    }

    package static func limits(_ limits: Limits) -> JSONValue {
        [
            "key_bytes": JSONValue(limits.keyBytes), "value_bytes": JSONValue(limits.valueBytes),
            "changes_per_transaction": JSONValue(limits.changesPerTransaction),
            "transaction_bytes": JSONValue(limits.transactionBytes),
            "annotation_bytes": JSONValue(limits.annotationBytes), "message_bytes": JSONValue(limits.messageBytes),
            "name_bytes": JSONValue(limits.nameBytes), "keys_per_request": JSONValue(limits.keysPerRequest),
            "topics_per_filter": JSONValue(limits.topicsPerFilter),
        ]
    }
}

extension JSONValue {
    /// `from` and `to` are absent where there is no record.
    package static func difference(_ difference: Difference) -> JSONValue {
        var shown: JSONValue = [
            "key": .string(difference.key.text), "change": .string(difference.change.rawValue),
        ]
        if let from = difference.from { shown = shown + ["from": .record(from)] }
        if let to = difference.to { shown = shown + ["to": .record(to)] }
        return shown
    }

    /// A part of a record, with the commit that it came with; what is not known of one that is no longer kept is left out.
    package static func blamed(_ line: Blame.Line, of record: Record) -> JSONValue {
        var shown: JSONValue =
            switch line.place {
            case .line(let number): ["line": JSONValue(number), "text": .string(line.text ?? "")]
            case .member(let path): ["path": .string(path), "value": .string(line.text ?? "")]
            case .whole: record.value.map(value) ?? [:]
            }
        let commit = line.commit
        shown = shown + ["revision": .integer(commit.revision)]
        if line.isAtOrBefore { shown = shown + ["at_or_before": true] }
        shown = shown + ["branch": .string(commit.branch.text), "agent": .string(commit.agent)]
        if commit.time.milliseconds != 0 { shown = shown + ["time_ms": .integer(commit.time.milliseconds)] }
        if !commit.context.isEmpty { shown = shown + ["context": .string(commit.context)] }
        if !commit.message.isEmpty { shown = shown + ["message": .string(commit.message)] }
        return shown
    }

    /// - Parameter keys: how many differ, if they were looked at.
    package static func comparison(_ compared: Comparison, keys: Int? = nil) -> JSONValue {
        let shown: JSONValue = [
            "from": .state(compared.from), "to": .state(compared.to), "common": .array(compared.common.map(state)),
            "only_from": .integer(compared.onlyFrom), "only_to": .integer(compared.onlyTo),
        ]
        return keys.map { shown + ["keys": JSONValue($0)] } ?? shown
    }

    private static func state(_ name: StateName) -> JSONValue {
        var shown: JSONValue = [:]
        if let branch = name.branch { shown = shown + ["branch": .string(branch.text)] }
        if let revision = name.revision { shown = shown + ["revision": .integer(revision)] }
        return shown
    }
}

extension JSONValue {
    /// All in one object.
    package static func impact(_ impact: Impact) -> JSONValue {
        [
            "at": .position(impact.at), "commits": .array(impact.commits.map { .derived($0) }),
            "unlisted": JSONValue(impact.unlisted), "readers": .array(impact.readers.map { .reader($0) }),
            "unjudged": .array(impact.unjudged.map { .integer($0) }),
            "unjudged_count": JSONValue(impact.unjudgedCount), "lost_reads": JSONValue(impact.lostReads),
            "since": .integer(impact.since),
        ]
    }

    package static func derived(_ derived: DerivedCommit) -> JSONValue {
        commit(derived.commit) + [
            "edges": .array(
                derived.edges.map {
                    ["reason": .string($0.reason.rawValue)] + version($0.version) + topic($0.topic)
                }), "keys": .array(derived.keys.map { .string($0.text) }), "key_count": JSONValue(derived.keyCount),
        ]
    }

    package static func reader(_ reader: ImpactReader) -> JSONValue {
        ["agent": .string(reader.agent), "context": .string(reader.context)] + version(reader.version)
            + topic(reader.topic) + ["time_ms": .integer(reader.time.milliseconds)]
    }

    private static func version(_ name: VersionName) -> JSONValue {
        ["key": .string(name.key.text), "version": .integer(name.revision)]
    }

    private static func topic(_ topic: Topic?) -> JSONValue {
        guard let topic else { return .object([]) }
        return ["topic": .string(topic.text)]
    }

    package static func knowledge(_ knowledge: Knowledge) -> JSONValue {
        ["known": .array(knowledge.known.map { .known($0) })] + standing(knowledge)
    }

    /// What is told of it besides.
    package static func standing(_ knowledge: Knowledge) -> JSONValue {
        [
            "at": .position(knowledge.at), "since": .integer(knowledge.since),
            "unlisted": JSONValue(knowledge.unlisted), "lost_reads": JSONValue(knowledge.lostReads),
        ]
    }

    package static func known(_ known: KnownVersion) -> JSONValue {
        let subject: JSONValue =
            switch known.subject {
            case .key(let key): ["key": .string(key.text)]
            case .topic(let topic): ["topic": .string(topic.text)]
            }
        return ["way": .string(known.way.rawValue)] + subject + [
            "branch": .string(known.branch.text), "version": .integer(known.version), "cut": .integer(known.cut),
            "revision": .integer(known.revision), "noted": .bool(known.isNoted),
            "time_ms": .integer(known.time.milliseconds), "context": .string(known.context),
        ]
    }
}
