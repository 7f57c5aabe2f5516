import FoundationEssentials

// The canonical bytes of commits and transactions. Every part of variable length stands behind its length,
// every choice behind a tag and every optional behind a flag, so that two different values never have the
// same bytes.

extension CanonicalEncoder {
    @inline(__always)
    package mutating func list<Element>(_ elements: [Element], _ write: (inout CanonicalEncoder, Element) -> Void) {
        word(UInt64(elements.count))
        for element in elements { write(&self, element) }
    }

    mutating func info(_ info: CommitInfo) {
        integer(info.revision)
        string(info.branch.text)
        string(info.agent)
        byte(info.session == nil ? 0 : 1)
        if let session = info.session { word(session.id) }
        word(info.number)
        integer(info.time.milliseconds)
        string(info.context)
        string(info.message)
    }

    mutating func fork(_ fork: Fork) {
        string(fork.name.text)
        string(fork.parent.text)
        byte(fork.at == nil ? 0 : 1)
        if let at = fork.at { integer(at) }
        string(fork.context)
        string(fork.message)
    }

    mutating func precondition(_ precondition: Precondition) {
        switch precondition {
        case .at(let key, let revision):
            byte(1)
            string(key.text)
            integer(revision)
        case .absent(let key):
            byte(2)
            string(key.text)
        case .unchanged(let topic, let since):
            byte(3)
            string(topic.text)
            integer(since)
        case .sound: byte(4)
        }
    }

    /// As they were before there was more to say of reads, where there is not; else none, and ``moreReads(_:)`` has them.
    mutating func reads(_ reads: [ReadVersion]) {
        list(reads.allSatisfy(\.isPlain) ? reads : []) {
            $0.string($1.subject.text)
            $0.integer($1.version)
        }
    }

    /// Behind everything else.
    mutating func moreReads(_ reads: [ReadVersion]) {
        if reads.allSatisfy(\.isPlain) { return }
        byte(2)
        raw(ReadList.encode(reads))
    }

    /// All but the revision, which is the commit's.
    package mutating func record(_ record: Record) {
        string(record.key.text)
        integer(Int64(record.ordinal))
        byte(record.isDeleted ? 1 : 0)
        if record.isDeleted { return }
        guard case .inline(let value) = record.content else {
            preconditionFailure("a commit's hash needs the value of \(record.key)")
        }
        string(record.kind.name)
        data(value)
        annotations(record.attributes, record.links)
        string(record.owner)
        vectors(record.vectors)
        optional(record.expires)
    }

    mutating func transaction(_ transaction: Transaction) {
        string(transaction.branch.text)
        string(transaction.context)
        string(transaction.message)
        list(transaction.preconditions) { $0.precondition($1) }
        reads(transaction.reads)
        list(transaction.changes) { $0.change($1) }
        moreReads(transaction.reads)
    }

    mutating func merge(_ merge: Merge) {
        string(merge.target.text)
        string(merge.source.text)
        byte(merge.at == nil ? 0 : 1)
        if let at = merge.at { integer(at) }
        list(merge.resolutions) { $0.resolution($1) }
        byte(merge.carriesRules ? 1 : 0)
        string(merge.context)
        string(merge.message)
        if merge.parks { byte(1) }
        plan(merge.plan)
    }

    mutating func rollback(_ rollback: Rollback) {
        string(rollback.branch.text)
        integer(rollback.to)
        list(rollback.filter.topics) { $0.string($1.text) }
        string(rollback.context)
        string(rollback.message)
        plan(rollback.plan)
    }

    mutating func revert(_ revert: Revert) {
        string(revert.branch.text)
        named(revert)
        list(revert.resolutions) { $0.resolution($1) }
        string(revert.context)
        string(revert.message)
        cascade(revert.cascade)
        plan(revert.plan)
    }

    mutating func quarantine(_ quarantine: Quarantine) {
        string(quarantine.branch.text)
        named(quarantine)
        string(quarantine.reason)
        string(quarantine.context)
        string(quarantine.message)
        cascade(quarantine.cascade)
        plan(quarantine.plan)
    }

    mutating func pick(_ pick: Pick) {
        string(pick.branch.text)
        list(pick.revisions) { $0.integer($1) }
        list(pick.resolutions) { $0.resolution($1) }
        byte(pick.sameReads ? 1 : 0)
        string(pick.context)
        string(pick.message)
        plan(pick.plan)
    }

    private mutating func named(_ names: some NamingVersions) {
        list(names.versions) {
            $0.string($1.key.text)
            $0.integer($1.revision)
        }
        list(names.revisions) { $0.integer($1) }
        if let author = names.author {
            byte(1)
            for name in [author.agent, author.context] {
                byte(name == nil ? 0 : 1)
                if let name { string(name) }
            }
            integer(author.since)
        } else {
            byte(0)
        }
    }

    /// Without one the bytes are as they were before there was such a thing.
    private mutating func cascade(_ cascade: Cascade?) {
        guard let cascade else { return }
        byte(2)
        byte(cascade.ownOnly ? 1 : 0)
        list(cascade.excluded) { $0.integer($1) }
    }

    /// Likewise.
    private mutating func plan(_ plan: PlanID?) {
        guard let plan else { return }
        byte(3)
        word(plan.id)
    }

    private mutating func resolution(_ resolution: Resolution) {
        string(resolution.key.text)
        integer(resolution.ours)
        integer(resolution.theirs)
        switch resolution.choice {
        case .ours: byte(1)
        case .theirs: byte(2)
        case .base: byte(3)
        case .put(let put):
            byte(4)
            self.put(put)
        case .delete: byte(5)
        }
    }

    private mutating func change(_ change: Change) {
        string(change.key.text)
        switch change.action {
        case .put(let put):
            byte(1)
            self.put(put)
        case .delete: byte(2)
        case .increment(let amount):
            byte(3)
            integer(amount)
        case .append(let text):
            byte(4)
            data(text)
        case .mergePatch(let patch):
            byte(5)
            data(patch)
        }
    }

    private mutating func put(_ put: Put) {
        data(put.value)
        string(put.kind.name)
        annotations(put.attributes, put.links)
        vectors(put.vectors)
        switch put.expiry {
        case .never: byte(0)
        case .after(let duration):
            byte(1)
            integer(duration.wholeMilliseconds)
        case .at(let time):
            byte(2)
            integer(time.milliseconds)
        }
    }

    private mutating func annotations(_ attributes: Attributes, _ links: [Link]) {
        word(UInt64(attributes.count))
        for (name, value) in attributes {
            string(name)
            string(value)
        }
        list(links) {
            $0.string($1.relation)
            $0.string($1.target.text)
        }
    }

    /// Of none, the bytes are as they were before there was such a thing.
    private mutating func vectors(_ vectors: Vectors) {
        if vectors.isEmpty { return }
        byte(CanonicalEncoder.hasVectors)
        data(vectors.encoded)
    }
    /// No expiry begins so.
    static let hasVectors: UInt8 = 8

    private mutating func optional(_ time: Timestamp?) {
        byte(time == nil ? 0 : 1)
        if let time { integer(time.milliseconds) }
    }
}
