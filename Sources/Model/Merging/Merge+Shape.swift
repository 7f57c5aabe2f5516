// Cheap checks at the broker's edge, as those of transactions are (Shape.swift).

extension Merge {
    /// Why this can never be executed under these limits; `nil` if it may be.
    package func shapeRefusal(limits: Limits) -> Refusal? {
        if source == target {
            return Refusal(
                .invalidArgument, "branch \"\(target)\" can't be merged into itself",
                hint: "name the branch to bring in, and the one to bring it into", subject: target.text)
        }
        return limits.refusal(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.refusal(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? at.flatMap { negative($0, source.text) } ?? resolutions.shapeRefusal(limits: limits)
    }
}

extension Rollback {
    /// Why this can never be executed under these limits; `nil` if it may be.
    package func shapeRefusal(limits: Limits) -> Refusal? {
        limits.refusal(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.refusal(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? negative(to, branch.text)
            ?? filter.topics.lazy.compactMap {
                limits.refusal(ofText: $0.text, "topic", most: limits.keyBytes, "keyBytes")
            }.first
    }
}

extension Revert {
    /// Why this can never be executed under these limits; `nil` if it may be.
    package func shapeRefusal(limits: Limits) -> Refusal? {
        limits.refusal(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.refusal(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? namingRefusal(limits, "reverted") ?? resolutions.shapeRefusal(limits: limits)
    }
}

extension Quarantine {
    /// Why this can never be executed under these limits; `nil` if it may be.
    package func shapeRefusal(limits: Limits) -> Refusal? {
        if reason.isEmpty {
            return Refusal(
                .invalidArgument, "the reason of the quarantine is missing",
                hint: "say in a few words why the records are not to be trusted", subject: "reason")
        }
        return limits.refusal(ofText: reason, "reason", most: limits.messageBytes, "messageBytes")
            ?? limits.refusal(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.refusal(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? namingRefusal(limits, "quarantined")
    }
}

extension Pick {
    /// Why this can never be executed under these limits; `nil` if it may be.
    package func shapeRefusal(limits: Limits) -> Refusal? {
        if revisions.isEmpty {
            return Refusal(
                .invalidArgument, "no commit is named that is to be picked", hint: "name revisions",
                subject: "revisions")
        }
        for (before, revision) in zip(revisions, revisions.dropFirst()) where before >= revision {
            return Refusal(
                .invalidArgument, "revision \(revision) is named after \(before)",
                hint: "name each commit once, in the order of history", subject: "revisions")
        }
        return limits.refusal(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.refusal(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? limits.refusal(of: revisions.count, "revisions", most: limits.mergedKeys, "mergedKeys")
            ?? revisions.lazy.compactMap { negative($0, "revision") }.first
            ?? resolutions.shapeRefusal(limits: limits)
    }
}

extension NamingVersions {
    private var hasNoAuthor: Bool { if case nil = author { true } else { false } }

    /// - Parameter what: is done with what is named: "reverted".
    fileprivate func namingRefusal(_ limits: Limits, _ what: String) -> Refusal? {
        if versions.isEmpty, revisions.isEmpty, hasNoAuthor {
            return Refusal(
                .invalidArgument, "nothing is named that is to be \(what)",
                hint: "name versions, revisions, an agent or a context")
        }
        if author?.isAnybody ?? false {
            return Refusal(
                .invalidArgument, "whose commits are to be \(what) is not said",
                hint: "name an agent, a context, or both; rollback takes all commits back")
        }
        for version in versions {
            if let refusal = limits.refusal(ofKey: version.key) ?? negative(version.revision, version.key.text) {
                return refusal
            }
        }
        let excluded = cascade?.excluded ?? []
        return limits.refusal(of: versions.count, "versions", most: limits.mergedKeys, "mergedKeys")
            ?? limits.refusal(of: revisions.count, "revisions", most: limits.mergedKeys, "mergedKeys")
            ?? limits.refusal(of: excluded.count, "excluded", most: limits.mergedKeys, "mergedKeys")
            ?? (revisions + excluded).lazy.compactMap { negative($0, "revision") }.first
            ?? author.flatMap { negative($0.since, "since") }
    }
}

extension [Resolution] {
    fileprivate func shapeRefusal(limits: Limits) -> Refusal? {
        if let refusal = limits.refusal(
            of: count, "resolutions", most: limits.mergedKeys, "mergedKeys")
        {
            return refusal
        }
        if bytes > limits.mergedBytes {
            return Refusal(
                .limitExceeded,
                "the resolutions have \(bytes) bytes, over the limit mergedBytes of \(limits.mergedBytes)",
                subject: "mergedBytes")
        }
        var seen: Set<Key> = []
        for resolution in self {
            let key = resolution.key
            if let refusal = limits.refusal(ofKey: key) ?? negative(resolution.ours, key.text)
                ?? negative(resolution.theirs, key.text)
            {
                return refusal
            }
            if case .put(let put) = resolution.choice, let refusal = put.shapeRefusal(key: key, limits: limits) {
                return refusal
            }
            if !seen.insert(key).inserted {
                return Refusal(
                    .invalidArgument, "key \"\(key)\" is resolved twice", hint: "decide each conflict once",
                    subject: key.text)
            }
        }
        return nil
    }
}

extension Limits {
    package var mergedKeys: Int { max(changesPerTransaction, Self.mergedKeys) }
    package var mergedBytes: Int { max(transactionBytes, Self.mergedBytes) }
}
