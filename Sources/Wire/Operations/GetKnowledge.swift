import MembusModel

extension GetKnowledge: CodedOperation {
    init(_ message: PBGetKnowledge, _ limits: Limits) throws(Refusal) {
        try Parse.check(name: message.agent, "knowledge.agent", limits)
        try Parse.check(name: message.context, "knowledge.context", limits)
        self.init(
            agent: message.agent, context: message.hasContext ? message.context : nil,
            at: message.hasAt ? try Parse.revision(message.at, "knowledge.at") : nil)
    }

    var message: PBGetKnowledge {
        .with {
            $0.agent = agent
            if let context { $0.context = context }
            if let at { $0.at = at }
        }
    }

    static func answer(_ message: PBKnowledge) throws(Refusal) -> Knowledge {
        Knowledge(
            at: try Position(message.at, "knowledge.at"), since: message.since,
            known: try message.known.map { (known) throws(Refusal) in try KnownVersion(known) },
            unlisted: Int(clamping: message.unlisted), lostReads: Int(clamping: message.lostReads))
    }

    static func message(of knowledge: Knowledge) -> PBKnowledge {
        .with {
            $0.at = PBPosition(knowledge.at)
            $0.since = knowledge.since
            $0.known = knowledge.known.map(PBKnown.init)
            $0.unlisted = Int64(knowledge.unlisted)
            $0.lostReads = Int64(knowledge.lostReads)
        }
    }
}

extension KnownVersion {
    fileprivate init(_ message: PBKnown) throws(Refusal) {
        let (way, subject): (Way, ReadVersion.Subject) =
            switch message.kind {
            case .read: (.read, .key(Key(unchecked: message.name)))
            case .listed: (.listed, .topic(Topic(unchecked: message.name)))
            case .required where message.name.hasSuffix("/"): (.required, .topic(Topic(unchecked: message.name)))
            case .required: (.required, .key(Key(unchecked: message.name)))
            case .wrote: (.wrote, .key(Key(unchecked: message.name)))
            case .unspecified, .UNRECOGNIZED:
                throw Refusal(.malformed, "knowledge: something is known in no way that is known here")
            }
        self.init(
            way, subject, on: BranchName(unchecked: message.branch), version: message.version, cut: message.cut,
            by: message.revision, isNoted: message.noted, time: Timestamp(milliseconds: message.timeMs),
            context: message.context)
    }
}

extension PBKnown {
    fileprivate init(_ known: KnownVersion) {
        self.init()
        kind =
            switch known.way {
            case .read: .read
            case .listed: .listed
            case .required: .required
            case .wrote: .wrote
            }
        name = known.subject.text
        branch = known.branch.text
        version = known.version
        cut = known.cut
        revision = known.revision
        noted = known.isNoted
        timeMs = known.time.milliseconds
        context = known.context
    }
}
