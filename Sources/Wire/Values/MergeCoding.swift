import MembusModel

// Merges, rollbacks and reverts as a session is asked for them, and what they come to.

extension Merge {
    init(_ message: PBMerge) throws(Refusal) {
        if message.source.isEmpty {
            throw Refusal(.invalidName, "merge.source: \(InvalidName(.branch, "", "is empty"))")
        }
        self.init(
            try Parse.branch(message.source, "merge.source"), into: try Parse.branch(message.target, "merge.target"),
            at: message.hasAt ? try Parse.revision(message.at, "merge.at") : nil,
            resolutions: try Resolution.list(message.resolutions, "merge.resolutions"),
            carriesRules: message.carriesRules, context: message.context, message: message.message)
    }
}

extension Rollback {
    init(_ message: PBRollback, _ limits: Limits) throws(Refusal) {
        self.init(
            try Parse.branch(message.branch, "rollback.branch"), to: try Parse.revision(message.to, "rollback.to"),
            filter: message.topics.isEmpty ? .everything : try Parse.filter(message.topics, limits),
            context: message.context, message: message.message)
    }
}

extension Revert {
    init(_ message: PBRevert) throws(Refusal) {
        var versions: [VersionName] = []
        versions.reserveCapacity(message.versions.count)
        for (index, version) in message.versions.enumerated() {
            versions.append(
                VersionName(
                    try Parse.key(version.key, "revert.versions[\(index)].key"),
                    at: try Parse.revision(version.revision, "revert.versions[\(index)].revision")))
        }
        var author: Authorship?
        if message.hasAuthor {
            author = Authorship(
                agent: message.author.hasAgent ? message.author.agent : nil,
                context: message.author.hasContext ? message.author.context : nil,
                since: try Parse.revision(message.author.since, "revert.author.since"))
        }
        self.init(
            try Parse.branch(message.branch, "revert.branch"), versions: versions, revisions: message.revisions,
            author: author, resolutions: try Resolution.list(message.resolutions, "revert.resolutions"),
            context: message.context, message: message.message)
    }
}

extension Resolution {
    static func list(_ messages: [PBResolution], _ field: @autoclosure Field) throws(Refusal) -> [Resolution] {
        var resolutions: [Resolution] = []
        resolutions.reserveCapacity(messages.count)
        for (index, message) in messages.enumerated() {
            resolutions.append(try Resolution(message, "\(field())[\(index)]"))
        }
        return resolutions
    }

    private init(_ message: PBResolution, _ field: @autoclosure Field) throws(Refusal) {
        let choice: Choice
        switch message.choice {
        case .takeOurs: choice = .ours
        case .takeTheirs: choice = .theirs
        case .takeBase: choice = .base
        case .put(let put): choice = .put(try Put(put, "\(field()).put"))
        case .delete: choice = .delete
        case nil:
            throw Refusal(.invalidArgument, "\(field()): it is of no choice that this broker knows", subject: field())
        }
        self.init(
            try Parse.key(message.key, "\(field()).key"), ours: try Parse.revision(message.ours, "\(field()).ours"),
            theirs: try Parse.revision(message.theirs, "\(field()).theirs"), choice)
    }
}

extension PBMerge {
    init(_ merge: Merge) {
        self.init()
        source = merge.source.text
        target = merge.target.text
        if let at = merge.at { self.at = at }
        resolutions = merge.resolutions.map(PBResolution.init)
        carriesRules = merge.carriesRules
        context = merge.context
        message = merge.message
    }
}

extension PBRollback {
    init(_ rollback: Rollback) {
        self.init()
        branch = rollback.branch.text
        to = rollback.to
        if rollback.filter != .everything { topics = rollback.filter.topics.map(\.text) }
        context = rollback.context
        message = rollback.message
    }
}

extension PBRevert {
    init(_ revert: Revert) {
        self.init()
        branch = revert.branch.text
        versions = revert.versions.map { version in
            .with {
                $0.key = version.key.text
                $0.revision = version.revision
            }
        }
        revisions = revert.revisions
        if let author = revert.author {
            self.author = .with {
                if let agent = author.agent { $0.agent = agent }
                if let context = author.context { $0.context = context }
                $0.since = author.since
            }
        }
        resolutions = revert.resolutions.map(PBResolution.init)
        context = revert.context
        message = revert.message
    }
}

extension PBResolution {
    init(_ resolution: Resolution) {
        self.init()
        key = resolution.key.text
        ours = resolution.ours
        theirs = resolution.theirs
        switch resolution.choice {
        case .ours: choice = .takeOurs(true)
        case .theirs: choice = .takeTheirs(true)
        case .base: choice = .takeBase(true)
        case .put(let put): choice = .put(PBPut(put))
        case .delete: choice = .delete(PBDelete())
        }
    }
}

// MARK: Conflicts

extension MergeConflict {
    init(_ message: PBMergeConflict) throws(Refusal) {
        guard let kind = MergeConflictKind(message.kind) else {
            throw Refusal(.malformed, "outcome.unsettled: a conflict is of no kind that is known here")
        }
        self.init(
            key: Key(unchecked: message.key), kind: kind,
            base: message.hasBase ? try MergeVersion(message.base) : nil,
            ours: message.hasOurs ? try MergeVersion(message.ours) : nil,
            theirs: message.hasTheirs ? try MergeVersion(message.theirs) : nil)
    }
}

extension MergeVersion {
    fileprivate init(_ message: PBMergeVersion) throws(Refusal) {
        self.init(
            try Parse.record(message.record), by: message.hasCommit ? try CommitInfo(message.commit) : nil)
    }
}

extension MergeConflictKind {
    fileprivate init?(_ kind: PBMergeConflict.Kind) {
        switch kind {
        case .bothChanged: self = .bothChanged
        case .bothCreated: self = .bothCreated
        case .deletedAndChanged: self = .deletedAndChanged
        case .changedAndDeleted: self = .changedAndDeleted
        case .differentKinds: self = .differentKinds
        case .undone: self = .undone
        case .noBase: self = .noBase
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }

    fileprivate var message: PBMergeConflict.Kind {
        switch self {
        case .bothChanged: .bothChanged
        case .bothCreated: .bothCreated
        case .deletedAndChanged: .deletedAndChanged
        case .changedAndDeleted: .changedAndDeleted
        case .differentKinds: .differentKinds
        case .undone: .undone
        case .noBase: .noBase
        }
    }
}

extension PBMergeConflict {
    init(_ conflict: MergeConflict) {
        self.init()
        key = conflict.key.text
        kind = conflict.kind.message
        if let base = conflict.base { self.base = PBMergeVersion(base) }
        if let ours = conflict.ours { self.ours = PBMergeVersion(ours) }
        if let theirs = conflict.theirs { self.theirs = PBMergeVersion(theirs) }
    }
}

extension PBMergeVersion {
    fileprivate init(_ version: MergeVersion) {
        self.init()
        record = PBRecord(version.record)
        if let commit = version.commit { self.commit = PBCommitInfo(commit) }
    }
}
