// The lists of all operations: a new one is a line in each.

extension Request {
    /// Indirect, as ``Work`` is, for it passes through many hands.
    package indirect enum Body: Sendable, Equatable {
        case hello(Hello)
        case openSession(OpenSession)
        case closeSession(CloseSession)
        case transact(Transact)
        case get(Get)
        case range(GetRange)
        case history(GetHistory)
        case log(GetLog)
        case branches(GetBranches)
        case status(GetStatus)
        case register(Register)
        case ping(Ping)
        case pull(Pull)
        case noteReads(NoteReads)
        case compact(Compact)
        case backup(Backup)
        case verify(Verify)
        case digest(Digest)
        case diff(GetDiff)
        case impact(GetImpact)
        case plan(GetPlan)
        case knowledge(GetKnowledge)
        case search(Search)
        case recall(Recall)
        case links(GetLinks)
        case query(Query)
        case reindex(Reindex)
    }
}

extension Reply {
    /// Indirect, as a request's is.
    package indirect enum Body: Sendable {
        case refused(Refusal)
        case welcome(Welcome)
        case session(SessionID)
        case sessionClosed(CloseSession.Answer)
        case outcome(Outcome)
        case records(Get.Answer)
        case range(RangePage)
        case history(HistoryPage)
        case log(LogPage)
        case branches(BranchPage)
        case status(BrokerFigures)
        case registered(Registered)
        case pong(Ping.Answer)
        case page(PullPage)
        case noted(NoteReads.Answer)
        case compacted(Compact.Answer)
        case backup(BackupPage)
        case verified(Verification)
        case digest(Digest.Answer)
        case diff(DiffPage)
        case impact(Impact)
        case planned(Plan)
        case knowledge(Knowledge)
        case search(SearchPage)
        case recall(Recollection)
        case links(LinkGraph)
        case query(QueryResult)
        case reindexed(Reindex.Answer)
    }
}

extension Request.Body {
    /// What its operation says of itself.
    package var traits: Traits {
        switch self {
        case .hello: Hello.traits
        case .openSession: OpenSession.traits
        case .closeSession: CloseSession.traits
        case .transact: Transact.traits
        case .get: Get.traits
        case .range: GetRange.traits
        case .history: GetHistory.traits
        case .log: GetLog.traits
        case .branches: GetBranches.traits
        case .status: GetStatus.traits
        case .register: Register.traits
        case .ping: Ping.traits
        case .pull: Pull.traits
        case .noteReads: NoteReads.traits
        case .compact: Compact.traits
        case .backup: Backup.traits
        case .verify: Verify.traits
        case .digest: Digest.traits
        case .diff: GetDiff.traits
        case .impact: GetImpact.traits
        case .plan: GetPlan.traits
        case .knowledge: GetKnowledge.traits
        case .search: Search.traits
        case .recall: Recall.traits
        case .links: GetLinks.traits
        case .query: Query.traits
        case .reindex: Reindex.traits
        }
    }

    package var touches: [Touched] {
        switch self {
        case .hello(let operation): operation.touches
        case .openSession(let operation): operation.touches
        case .closeSession(let operation): operation.touches
        case .transact(let operation): operation.touches
        case .get(let operation): operation.touches
        case .range(let operation): operation.touches
        case .history(let operation): operation.touches
        case .log(let operation): operation.touches
        case .branches(let operation): operation.touches
        case .status(let operation): operation.touches
        case .register(let operation): operation.touches
        case .ping(let operation): operation.touches
        case .pull(let operation): operation.touches
        case .noteReads(let operation): operation.touches
        case .compact(let operation): operation.touches
        case .backup(let operation): operation.touches
        case .verify(let operation): operation.touches
        case .digest(let operation): operation.touches
        case .diff(let operation): operation.touches
        case .impact(let operation): operation.touches
        case .plan(let operation): operation.touches
        case .knowledge(let operation): operation.touches
        case .search(let operation): operation.touches
        case .recall(let operation): operation.touches
        case .links(let operation): operation.touches
        case .query(let operation): operation.touches
        case .reindex(let operation): operation.touches
        }
    }
}

extension Reply.Body {
    /// See ``Traits/yieldsToBusy``.
    package var yieldsToBusy: Bool {
        switch self {
        case .refused: false
        case .welcome: Hello.traits.yieldsToBusy
        case .session: OpenSession.traits.yieldsToBusy
        case .sessionClosed: CloseSession.traits.yieldsToBusy
        case .outcome: Transact.traits.yieldsToBusy
        case .records: Get.traits.yieldsToBusy
        case .range: GetRange.traits.yieldsToBusy
        case .history: GetHistory.traits.yieldsToBusy
        case .log: GetLog.traits.yieldsToBusy
        case .branches: GetBranches.traits.yieldsToBusy
        case .status: GetStatus.traits.yieldsToBusy
        case .registered: Register.traits.yieldsToBusy
        case .pong: Ping.traits.yieldsToBusy
        case .page: Pull.traits.yieldsToBusy
        case .noted: NoteReads.traits.yieldsToBusy
        case .compacted: Compact.traits.yieldsToBusy
        case .backup: Backup.traits.yieldsToBusy
        case .verified: Verify.traits.yieldsToBusy
        case .digest: Digest.traits.yieldsToBusy
        case .diff: GetDiff.traits.yieldsToBusy
        case .impact: GetImpact.traits.yieldsToBusy
        case .planned: GetPlan.traits.yieldsToBusy
        case .knowledge: GetKnowledge.traits.yieldsToBusy
        case .search: Search.traits.yieldsToBusy
        case .recall: Recall.traits.yieldsToBusy
        case .links: GetLinks.traits.yieldsToBusy
        case .query: Query.traits.yieldsToBusy
        case .reindexed: Reindex.traits.yieldsToBusy
        }
    }
}
