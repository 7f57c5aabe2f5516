import MembusModel

extension GetImpact: CodedOperation {
    init(_ message: PBGetImpact, _ limits: Limits) throws(Refusal) {
        try Parse.check(
            count: message.versions.count, "impact.versions", most: limits.changesPerTransaction,
            "changesPerTransaction")
        try Parse.check(
            count: message.revisions.count + message.excluded.count, "impact.revisions",
            most: limits.changesPerTransaction, "changesPerTransaction")
        var versions: [VersionName] = []
        for (index, version) in message.versions.enumerated() {
            versions.append(try VersionName(version, "impact.versions[\(index)]"))
        }
        for revision in message.revisions + message.excluded {
            _ = try Parse.revision(revision, "impact.revisions")
        }
        guard !versions.isEmpty || !message.revisions.isEmpty || message.hasAuthor else {
            throw Refusal(
                .invalidArgument, "impact: nothing is named that something could derive from",
                hint: "name versions, revisions or an author", subject: "versions")
        }
        self.init(
            versions: versions, revisions: message.revisions,
            by: message.hasAuthor ? try Authorship(message.author, "impact.author") : nil, excluded: message.excluded,
            ownOnly: message.ownOnly, belowFloor: message.belowFloor)
    }

    var message: PBGetImpact {
        .with {
            $0.versions = versions.map(PBVersionName.init)
            $0.revisions = revisions
            $0.excluded = excluded
            $0.ownOnly = ownOnly
            $0.belowFloor = belowFloor
            if let author { $0.author = PBAuthorship(author) }
        }
    }

    static func answer(_ message: PBImpact) throws(Refusal) -> Impact {
        Impact(
            at: try Position(message.at, "impact.at"),
            commits: try message.commits.map { (commit) throws(Refusal) in try DerivedCommit(commit) },
            unlisted: Int(clamping: message.unlisted),
            readers: try message.readers.map { (reader) throws(Refusal) in
                ImpactReader(
                    agent: reader.agent, context: reader.context,
                    version: try VersionName(reader.version, "impact.readers.version"),
                    in: reader.topic.isEmpty ? nil : Topic(unchecked: reader.topic),
                    time: Timestamp(milliseconds: reader.timeMs))
            },
            unjudged: message.unjudged, unjudgedCount: Int(clamping: message.unjudgedCount),
            lostReads: Int(clamping: message.lostReads), since: try Parse.revision(message.since, "impact.since"))
    }

    static func message(of impact: Impact) -> PBImpact {
        .with {
            $0.at = PBPosition(impact.at)
            $0.commits = impact.commits.map(PBDerivedCommit.init)
            $0.unlisted = Int64(impact.unlisted)
            $0.readers = impact.readers.map { reader in
                .with {
                    $0.agent = reader.agent
                    $0.context = reader.context
                    $0.version = PBVersionName(reader.version)
                    $0.timeMs = reader.time.milliseconds
                    $0.topic = reader.topic?.text ?? ""
                }
            }
            $0.unjudged = impact.unjudged
            $0.unjudgedCount = Int64(impact.unjudgedCount)
            $0.lostReads = Int64(impact.lostReads)
            $0.since = impact.since
        }
    }
}

extension DerivedCommit {
    fileprivate init(_ message: PBDerivedCommit) throws(Refusal) {
        var edges: [Edge] = []
        for edge in message.edges {
            guard let reason = Reason(edge.kind) else {
                throw Refusal(.malformed, "impact: an edge is of no kind that is known here")
            }
            edges.append(
                Edge(
                    reason, try VersionName(edge.version, "impact.commits.edges.version"),
                    in: edge.topic.isEmpty ? nil : Topic(unchecked: edge.topic)))
        }
        self.init(
            commit: try CommitInfo(message.commit), edges: edges, keys: message.keys.map { Key(unchecked: $0) },
            keyCount: Int(clamping: message.keyCount))
    }
}

extension DerivedCommit.Reason {
    fileprivate init?(_ kind: PBDerivedCommit.Edge.Kind) {
        switch kind {
        case .seed: self = .seed
        case .read: self = .read
        case .required: self = .required
        case .context: self = .context
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }

    fileprivate var message: PBDerivedCommit.Edge.Kind {
        switch self {
        case .seed: .seed
        case .read: .read
        case .required: .required
        case .context: .context
        }
    }
}

extension PBDerivedCommit {
    fileprivate init(_ derived: DerivedCommit) {
        self.init()
        commit = PBCommitInfo(derived.commit)
        edges = derived.edges.map { edge in
            .with {
                $0.kind = edge.reason.message
                $0.version = PBVersionName(edge.version)
                $0.topic = edge.topic?.text ?? ""
            }
        }
        keys = derived.keys.map(\.text)
        keyCount = Int64(derived.keyCount)
    }
}

extension VersionName {
    init(_ message: PBVersionName, _ field: @autoclosure Field) throws(Refusal) {
        self.init(
            try Parse.key(message.key, "\(field()).key"),
            at: try Parse.revision(message.revision, "\(field()).revision"))
    }
}

extension PBVersionName {
    init(_ name: VersionName) {
        self.init()
        key = name.key.text
        revision = name.revision
    }
}
