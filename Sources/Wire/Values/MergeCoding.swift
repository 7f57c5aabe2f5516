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
            carriesRules: message.carriesRules, parks: message.park, plan: PlanID(message.plan),
            context: message.context, message: message.message)
    }
}

extension Rollback {
    init(_ message: PBRollback, _ limits: Limits) throws(Refusal) {
        self.init(
            try Parse.branch(message.branch, "rollback.branch"), to: try Parse.revision(message.to, "rollback.to"),
            filter: message.topics.isEmpty ? .everything : try Parse.filter(message.topics, limits),
            plan: PlanID(message.plan), context: message.context, message: message.message)
    }
}

extension Revert {
    init(_ message: PBRevert) throws(Refusal) {
        self.init(
            try Parse.branch(message.branch, "revert.branch"),
            versions: try VersionName.list(message.versions, "revert.versions"), revisions: message.revisions,
            author: message.hasAuthor ? try Authorship(message.author, "revert.author") : nil,
            cascade: try Cascade(message.cascade, message.ownOnly, message.excluded, "revert"),
            resolutions: try Resolution.list(message.resolutions, "revert.resolutions"), plan: PlanID(message.plan),
            context: message.context, message: message.message)
    }
}

extension Quarantine {
    init(_ message: PBQuarantine) throws(Refusal) {
        self.init(
            try Parse.branch(message.branch, "quarantine.branch"),
            versions: try VersionName.list(message.versions, "quarantine.versions"), revisions: message.revisions,
            author: message.hasAuthor ? try Authorship(message.author, "quarantine.author") : nil,
            cascade: try Cascade(message.cascade, message.ownOnly, message.excluded, "quarantine"),
            reason: message.reason, plan: PlanID(message.plan), context: message.context, message: message.message)
    }
}

extension Pick {
    init(_ message: PBPick) throws(Refusal) {
        self.init(
            message.revisions, onto: try Parse.branch(message.branch, "pick.branch"),
            resolutions: try Resolution.list(message.resolutions, "pick.resolutions"), sameReads: message.sameReads,
            plan: PlanID(message.plan), context: message.context, message: message.message)
    }
}

extension VersionName {
    fileprivate static func list(
        _ messages: [PBVersionName], _ field: @autoclosure Field
    ) throws(Refusal) -> [VersionName] {
        var versions: [VersionName] = []
        versions.reserveCapacity(messages.count)
        for (index, version) in messages.enumerated() {
            versions.append(
                VersionName(
                    try Parse.key(version.key, "\(field())[\(index)].key"),
                    at: try Parse.revision(version.revision, "\(field())[\(index)].revision")))
        }
        return versions
    }
}

extension Authorship {
    init(_ message: PBAuthorship, _ field: @autoclosure Field) throws(Refusal) {
        self.init(
            agent: message.hasAgent ? message.agent : nil, context: message.hasContext ? message.context : nil,
            since: try Parse.revision(message.since, "\(field()).since"))
    }
}

extension Cascade {
    fileprivate init?(
        _ cascades: Bool, _ ownOnly: Bool, _ excluded: [Revision], _ field: @autoclosure Field
    ) throws(Refusal) {
        guard cascades else {
            // It would else be passed over in silence.
            if ownOnly || !excluded.isEmpty {
                throw Refusal(
                    .invalidArgument, "\(field()): own_only and excluded say what derives, but cascade is not set",
                    hint: "set cascade, or leave them out", subject: "cascade")
            }
            return nil
        }
        self.init(ownOnly: ownOnly, excluded: excluded)
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
        park = merge.parks
        plan = merge.plan?.id ?? 0
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
        plan = rollback.plan?.id ?? 0
        context = rollback.context
        message = rollback.message
    }
}

extension PBRevert {
    init(_ revert: Revert) {
        self.init()
        branch = revert.branch.text
        versions = revert.versions.map(PBVersionName.init)
        revisions = revert.revisions
        if let author = revert.author { self.author = PBAuthorship(author) }
        if let cascade = revert.cascade {
            self.cascade = true
            (ownOnly, excluded) = (cascade.ownOnly, cascade.excluded)
        }
        plan = revert.plan?.id ?? 0
        resolutions = revert.resolutions.map(PBResolution.init)
        context = revert.context
        message = revert.message
    }
}

extension PBQuarantine {
    init(_ quarantine: Quarantine) {
        self.init()
        branch = quarantine.branch.text
        versions = quarantine.versions.map(PBVersionName.init)
        revisions = quarantine.revisions
        if let author = quarantine.author { self.author = PBAuthorship(author) }
        if let cascade = quarantine.cascade {
            self.cascade = true
            (ownOnly, excluded) = (cascade.ownOnly, cascade.excluded)
        }
        reason = quarantine.reason
        plan = quarantine.plan?.id ?? 0
        context = quarantine.context
        message = quarantine.message
    }
}

extension PBPick {
    init(_ pick: Pick) {
        self.init()
        branch = pick.branch.text
        revisions = pick.revisions
        resolutions = pick.resolutions.map(PBResolution.init)
        sameReads = pick.sameReads
        plan = pick.plan?.id ?? 0
        context = pick.context
        message = pick.message
    }
}

extension PBAuthorship {
    init(_ author: Authorship) {
        self.init()
        if let agent = author.agent { self.agent = agent }
        if let context = author.context { self.context = context }
        since = author.since
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
            theirs: message.hasTheirs ? try MergeVersion(message.theirs) : nil,
            undoneBy: message.undoneBy == 0 ? nil : message.undoneBy)
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
        case .otherRead: self = .otherRead
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
        case .otherRead: .otherRead
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
        undoneBy = conflict.undoneBy ?? 0
    }
}

extension PBMergeVersion {
    fileprivate init(_ version: MergeVersion) {
        self.init()
        record = PBRecord(version.record)
        if let commit = version.commit { self.commit = PBCommitInfo(commit) }
    }
}
