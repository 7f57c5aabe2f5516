import MembusChecker
import MembusModel

// What happened, for people: one line per fact.

extension Entry {
    package var story: String {
        let milliseconds = Double((time.nanoseconds - 1_000_000_000_000) / 1000) / 1000
        return "\(String(repeating: " ", count: max(0, 11 - "\(milliseconds)".count)))\(milliseconds) ms  \(fact.story)"
    }
}

extension Fact {
    var story: String {
        switch self {
        case .invoked(let op, let agent, let work): "agent \(agent) asks for op \(op): \(work.story)"
        case .told(let op, .success(let outcome), _): "broker tells of op \(op): \(outcome.story)"
        case .told(let op, .failure(let failure), _): "broker refuses op \(op): \(failure.message)"
        case .finished(let op, let agent, let ending): "agent \(agent) is back from op \(op): \(ending.story)"
        case .visible(let lineage, let position): "visible is \(position.revision) of \(lineage)"
        case .floor(let lineage, let revision): "floor is \(revision) of \(lineage)"
        case .answered(_, let revision): "broker answers at \(revision)"
        case .published(_, let position): "event \(position.revision) is handed out"
        case .following(let view, let branch, let filter, let mode, let start):
            "\(view) follows \(filter) on \(branch), \(mode)\(start.map { ", from \($0.revision)" } ?? "")"
        case .loaded(let view, let token, let records): "\(view) begins with \(records) at \(token.revision)"
        case .left(let view): "\(view) is closed"
        case .moved(let view, let output, _): "\(view): \(output.story)"
        case .watched(let view, let token, let isLive):
            "\(view) is at \(token?.revision ?? -1), \(isLive ? "live" : "stale")"
        case .holds(let view, let token, let entries, _):
            "\(view) holds \(entries.map { "\($0.key): \($0.record?.description ?? "absent")" }) at \(token?.revision ?? -1)"
        case .copiedBack(let lineage, let position):
            "an old copy of the store, at \(position.revision) of \(lineage), is put in its place"
        case .overgrown(let text), .broken(_, let text): text
        case .asked(let read, let agent): "agent \(agent) asks for read \(read)"
        case .read(let read):
            "agent \(read.agent) has read \(read.id) \(read.view.map { "\($0)" } ?? "of the broker") \(read.consistency) "
                + "at \(read.token.revision): \(read.keys) is \(read.found)"
        case .differed(let diffed):
            "agent \(diffed.agent) has compared \(diffed.from) at \(diffed.fromState.revision) and \(diffed.to) at "
                + "\(diffed.toState.revision): \(diffed.differences.map(\.key)) differ"
        case .watch(let watch, let fact): "\(watch) \(fact.story)"
        case .faultsEnded: "faults end"
        case .recovered(let view): "\(view) is live, and at the head"
        case .rested(let view, let token, let isLive, _, _):
            "\(view) rests at \(token?.revision ?? -1), \(isLive ? "live" : "stale")"
        case .restedAt(let lineage, let position): "the broker rests at \(position.revision) of \(lineage)"
        case .restedWhen(let time): "it is \(time.milliseconds) for the broker"
        case .merged(let commit, let source): "\(commit.revision) merged up to \(source)"
        case .decided(let commits, let time):
            "\(commits.map { "\($0.revision)" }.joined(separator: " ")) were decided at \(time.milliseconds)"
        case .counted(_, let counts): "counted are \(counts.story)"
        case .searched(let searched):
            "\(searched.question) on \(searched.branch) at \(searched.at.revision) finds "
                + (searched.page.map { "\($0.hits.map(\.key))" } ?? "other dimensions")
        case .remark(let text): text
        }
    }

    /// Whether the fact is worth a line in a short story.
    package var isTelling: Bool {
        switch self {
        case .watched, .holds, .moved(_, .fresh, _), .answered, .counted: false
        default: true
        }
    }
}

extension MemoryCounts {
    var story: String { "\(all.records) records of \(all.bytes) bytes at \(at.revision)" }
}

extension MemoryCounts? {
    var story: String { map(\.story) ?? "nothing" }
}

extension WatchFact {
    var story: String {
        switch self {
        case .began(let branch, let filter, let after, let token):
            "begins after \(after)\(token == nil ? "" : ", of a token"): \(filter) on \(branch)"
        case .delivered(let records, _): "delivers \(records)"
        case .historyChanged(let now): "ends: the history is now \(now)"
        case .failed(let failure): "ends: \(failure.message)"
        case .rested: "rests"
        }
    }
}

extension ViewOutput {
    var story: String {
        switch self {
        case .apply(let records, let to): "event to \(to.revision) \(records)"
        case .install(let records, let at): "snapshot at \(at.revision) \(records)"
        case .catchUp(let records, let to): "pull to \(to.revision) \(records)"
        case .advance(let to): "complete to \(to.revision)"
        case .reset(let lineage): "reset to \(lineage)"
        case .live: "live"
        case .stale: "stale"
        case .fresh: "fresh"
        case .failed(let failure): "failed: \(failure.message)"
        case .register, .subscribe, .unsubscribe, .ping, .pull, .replaceSocket: "-"
        }
    }
}

extension Outcome {
    var story: String {
        switch self {
        case .committed(let position): "committed as \(position.revision)"
        case .forked(let position, let frozen): "committed as \(position.revision), \(frozen.records) frozen"
        case .held(let position): "held at \(position.revision)"
        case .merged(let position, let report): "merged up to \(report.source) as \(position.revision)"
        case .unsettled(let conflicts, _, let position):
            "unsettled at \(position.revision) on \(conflicts.map(\.key))"
        case .conflict(let failed, let position): "conflict at \(position.revision) on \(failed.map(\.key))"
        }
    }
}

extension Ending {
    var story: String {
        switch self {
        case .decided(let outcome, _): outcome.story
        case .committedUnseen(let position, _): "committed as \(position.revision), but its views are not there"
        case .refused(let why): "refused: \(why)"
        case .unknown: "outcome unknown"
        }
    }
}

extension Work {
    var story: String {
        switch self {
        case .transaction(let transaction):
            "on \(transaction.branch) " + transaction.changes.map { "\($0.story)" }.joined(separator: ", ")
                + (transaction.preconditions.isEmpty ? "" : " if \(transaction.preconditions)")
        case .fork(let fork): "fork \(fork.name)\(fork.at.map { " at \($0)" } ?? "")\(fork.expires ? ", expires" : "")"
        case .merge(let merge):
            "merge \(merge.source)\(merge.at.map { "@\($0)" } ?? "") into \(merge.target)\(merge.parks ? ", parking" : "")"
        case .rollback(let rollback): "roll \(rollback.filter) of \(rollback.branch) back to \(rollback.to)"
        case .revert(let revert):
            "revert \(revert.revisions)\(revert.cascade == nil ? "" : " and what derived") on \(revert.branch)"
        case .pick(let pick): "pick \(pick.revisions) onto \(pick.branch)"
        case .quarantine(let quarantine): "quarantine \(quarantine.revisions) on \(quarantine.branch)"
        case .branch(let change): "\(change.action) \(change.name)"
        case .tag(let change): "tag \(change.name): \(change.action)"
        }
    }
}

extension Change {
    var story: String {
        switch action {
        case .put(let put): "put \(key) (\(put.value.count) bytes\(put.expiry == .never ? "" : ", expires"))"
        case .delete: "delete \(key)"
        case .increment(let amount): "\(key) + \(amount)"
        case .append: "append to \(key)"
        case .mergePatch: "patch \(key)"
        }
    }
}

extension Published {
    var story: String {
        switch content {
        case .event(let event): "event \(event.revision) after \(event.previous)"
        case .bookmark(let bookmark): "bookmark \(bookmark.position.revision)"
        case .heartbeat(let beat): "heartbeat \(beat.position.revision)"
        }
    }
}

extension Request.Body { var story: String { nameOfCase(self) } }
extension Reply.Body { var story: String { nameOfCase(self) } }

/// Without what the case carries, which would be long, and slow to write out.
private func nameOfCase(_ value: some Any) -> String {
    Mirror(reflecting: value).children.first?.label ?? "\(value)"
}
