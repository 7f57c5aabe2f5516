import CMembus
import Membus

// Records, commits and errors as C reads them.

extension Arena {
    func record(_ record: Record) -> membus_record {
        var shown = annotated(record)
        if let value = record.value {
            shown.value = value.withUnsafeBytes { text($0) }
        } else if !record.isDeleted {
            shown.value.size = record.size
        }
        return shown
    }

    /// Without its value.
    func annotated(_ record: Record) -> membus_record {
        var shown = membus_record()
        shown.key = text(record.key.text)
        shown.revision = record.revision
        shown.ordinal = record.ordinal
        if record.isDeleted {
            shown.state = Int32(MEMBUS_DELETED)
            return shown
        }
        shown.state = Int32(record.value == nil ? MEMBUS_ANNOUNCED : MEMBUS_PRESENT)
        shown.kind = text(record.kind.name)
        shown.owner = text(record.owner)
        shown.expires_ms = record.expires?.milliseconds ?? 0
        shown.attributes = many(record.attributes) { membus_attribute(name: text($0.key), value: text($0.value)) }
        shown.attribute_count = record.attributes.count
        shown.links = many(record.links) { membus_link(relation: text($0.relation), target: text($0.target.text)) }
        shown.link_count = record.links.count
        return shown
    }

    /// Where there is no record.
    func none(_ key: String) -> membus_record {
        var shown = membus_record()
        shown.key = text(key)
        shown.state = Int32(MEMBUS_NONE)
        return shown
    }

    /// - Parameter records: where its records stand in the answer.
    func commit(_ info: CommitInfo, records: Range<Int>) -> membus_commit {
        membus_commit(
            revision: info.revision, hash: info.hash, branch: text(info.branch.text), agent: text(info.agent),
            context: text(info.context), message: text(info.message), time_ms: info.time.milliseconds,
            session: info.session?.id ?? 0, number: info.number, first_record: records.lowerBound,
            record_count: records.count)
    }

    func error(_ error: ToldError) -> membus_error {
        membus_error(
            code: error.code, remedy: error.remedy, name: text(error.name), message: text(error.message),
            hint: text(error.hint), subject: text(error.subject), outcome_unknown: error.isOutcomeUnknown ? 1 : 0,
            token: error.token.map { membus_token($0) } ?? membus_token(),
            conflicts: many(error.conflicts) { conflict($0) }, conflict_count: error.conflicts.count,
            unsettled: many(error.unsettled) { unsettled($0) }, unsettled_count: error.unsettled.count,
            unlisted_count: error.unlisted)
    }

    private func unsettled(_ conflict: MergeConflict) -> membus_unsettled {
        membus_unsettled(
            key: text(conflict.key.text), kind: conflict.kind.number, base: side(conflict.base, of: conflict.key),
            ours: side(conflict.ours, of: conflict.key), theirs: side(conflict.theirs, of: conflict.key))
    }

    private func side(_ version: MergeVersion?, of key: Key) -> membus_side {
        membus_side(
            record: version.map { record($0.record) } ?? none(key.text),
            commit: version?.commit.map { commit($0, records: 0..<0) } ?? membus_commit())
    }

    private func conflict(_ failed: FailedPrecondition) -> membus_conflict {
        membus_conflict(
            precondition: precondition(failed.precondition), key: text(failed.key.text), revision: failed.revision,
            current: failed.current.map { record($0) } ?? none(failed.key.text))
    }

    private func precondition(_ precondition: Precondition) -> membus_precondition {
        switch precondition {
        case .at(let key, let revision):
            membus_precondition(sort: Int32(MEMBUS_AT), name: text(key.text), revision: revision)
        case .absent(let key):
            membus_precondition(sort: Int32(MEMBUS_IS_ABSENT), name: text(key.text), revision: 0)
        case .unchanged(let topic, let since):
            membus_precondition(sort: Int32(MEMBUS_UNCHANGED), name: text(topic.text), revision: since)
        case .sound: membus_precondition(sort: Int32(MEMBUS_SOUND), name: text(""), revision: 0)
        }
    }
}

extension MergeConflictKind {
    var number: Int32 {
        let number =
            switch self {
            case .bothChanged: MEMBUS_BOTH_CHANGED
            case .bothCreated: MEMBUS_BOTH_CREATED
            case .deletedAndChanged: MEMBUS_DELETED_AND_CHANGED
            case .changedAndDeleted: MEMBUS_CHANGED_AND_DELETED
            case .differentKinds: MEMBUS_DIFFERENT_KINDS
            case .undone: MEMBUS_UNDONE
            case .noBase: MEMBUS_NO_BASE
            case .otherRead: MEMBUS_OTHER_READ
            }
        return Int32(number)
    }
}

extension membus_token {
    init(_ token: Token) {
        self.init(lineage: token.lineage.id, revision: token.revision, hash: token.position.hash)
    }

    var token: Token { Token(lineage: Lineage(lineage), position: Position(revision: revision, hash: hash)) }
}
