import FoundationEssentials
import MembusModel

// Records and commits. They only ever come from a broker, which has checked every name when it took it in:
// keys are taken as they are.

extension PBRecord {
    init(_ record: Record) {
        self.init()
        key = record.key.text
        revision = record.revision
        ordinal = record.ordinal
        if record.isDeleted {
            deleted = true
            return
        }
        kind = record.kind.name
        switch record.content {
        case .inline(let data): value = data
        case .announced(let bytes):
            announced = true
            size = Int64(bytes)
        }
        attributes = record.attributes.map(PBAttribute.init)
        links = record.links.map(PBLink.init)
        owner = record.owner
        expiresMs = record.expires?.milliseconds ?? 0
    }
}

extension Parse {
    static func record(_ message: PBRecord) throws(Refusal) -> Record {
        let key = Key(unchecked: message.key)
        let revision = try Self.revision(message.revision, "record.revision")
        if message.deleted { return .deletion(of: key, revision: revision, ordinal: message.ordinal) }
        return Record(
            key: key, revision: revision, ordinal: message.ordinal, kind: Kind(message.kind),
            content: message.announced ? .announced(size: max(0, Int(clamping: message.size))) : .inline(message.value),
            attributes: Attributes(message.attributes.lazy.map { (key: $0.name, value: $0.value) }),
            links: message.links.map { Link(relation: $0.relation, target: Key(unchecked: $0.target)) },
            owner: message.owner,
            expires: message.expiresMs == 0 ? nil : Timestamp(milliseconds: message.expiresMs))
    }

    static func records(_ messages: [PBRecord]) throws(Refusal) -> [Record] {
        try messages.map { (message) throws(Refusal) in try record(message) }
    }
}

extension PBAttribute {
    init(_ attribute: (key: String, value: String)) {
        self.init()
        name = attribute.key
        value = attribute.value
    }
}

extension PBLink {
    init(_ link: Link) {
        self.init()
        relation = link.relation
        target = link.target.text
    }
}

extension PBCommitInfo {
    init(_ info: CommitInfo) {
        self.init()
        revision = info.revision
        hash = info.hash
        branch = info.branch.text
        agent = info.agent
        session = info.session?.id ?? 0
        number = info.number
        timeMs = info.time.milliseconds
        context = info.context
        message = info.message
    }
}

extension CommitInfo {
    init(_ message: PBCommitInfo) throws(Refusal) {
        self.init(
            revision: try Parse.revision(message.revision, "commit.revision"), hash: message.hash,
            branch: BranchName(unchecked: message.branch), agent: message.agent,
            session: message.session == 0 ? nil : SessionID(message.session), number: message.number,
            time: Timestamp(milliseconds: message.timeMs), context: message.context, message: message.message)
    }
}

extension PBCommit {
    init(_ commit: Commit) {
        self.init()
        info = PBCommitInfo(commit.info)
        records = commit.records.map(PBRecord.init)
        parents = commit.parents
    }
}

extension Commit {
    init(_ message: PBCommit) throws(Refusal) {
        self.init(info: try CommitInfo(message.info), records: try Parse.records(message.records))
        parents = message.parents
    }
}
