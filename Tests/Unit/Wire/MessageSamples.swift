import Foundation
import MembusModel

extension Samples {
    /// One of each body, filled at random.
    mutating func requestBodies() -> [Request.Body] {
        let work: Work = pick([
            .transaction(transaction()), .fork(fork()), .merge(merge()), .rollback(rollback()), .revert(revert()),
            .pick(pick()), .quarantine(quarantine()),
            .branch(branchChange()), .tag(tagChange()),
        ])
        let others: [Request.Body] = [
            .hello(Hello(agent: pick(["", "planner"]), major: 1, minor: UInt32(small()))),
            .openSession(OpenSession(agent: someText())), .closeSession(CloseSession(session: SessionID(word()))),
            .transact(
                Transact(
                    session: SessionID(word()), number: pick([1, 77, UInt64(Int64.max)]),
                    acknowledged: pick([0, 76, UInt64(Int64.max)]), work: .success(work))),
            .get(Get(branch: branch(), keys: list { $0.key() }, at: maybe { $0.position() })),
            .range(
                GetRange(
                    branch: branch(), filter: filter(), at: maybe { $0.revision() }, after: maybe { $0.key() },
                    limit: pick([1, 1000, 10_000]), keysOnly: flag(), continues: flag())),
            .history(
                GetHistory(
                    branch: branch(), key: key(), before: maybe { $0.positive() }, limit: pick([1, 100, 10_000]))),
            .log(
                GetLog(
                    branch: maybe { $0.branch() }, filter: maybe { $0.filter() }, agent: maybe { $0.someText() },
                    context: maybe { $0.someText() }, since: maybe { $0.time() }, until: maybe { $0.time() },
                    ascending: flag(), cursor: maybe { $0.cursor() }, basis: maybe { $0.position() },
                    limit: pick([1, 100, 10_000]), values: flag(), withParents: flag())),
            .branches(branches()), .status(GetStatus()),
            .register(
                Register(
                    branch: branch(), filter: filter(), mode: pick([.update, .invalidate]), newest: maybe { $0.token() }
                )),
            .ping(Ping(nonce: word())),
            .pull(
                Pull(
                    stream: stream(), from: maybe { $0.token() }, atLeast: revision(), page: maybe { $0.pageToken() })),
            .noteReads(
                NoteReads(
                    agent: text().prefix(100).description, session: maybe { SessionID($0.word() | 1) },
                    reads: list {
                        NotedRead(context: $0.someText(), $0.read(on: $0.branch(), isOwn: false), at: $0.time())
                    },
                    dropped: Int(small()))),
            .knowledge(
                GetKnowledge(
                    agent: text().prefix(100).description, context: maybe { $0.someText().prefix(100).description },
                    at: maybe { $0.positive() })),
            .compact(
                Compact(olderThan: maybe { .milliseconds($0.small() + 1) }, below: maybe { $0.positive() })),
            .backup(Backup(id: word(), offset: revision(), done: flag())), .verify(Verify()),
            .digest(Digest(branch: branch(), topics: filter(), at: maybe { $0.revision() })),
            .diff(
                GetDiff(
                    from: state(), to: state(), filter: filter(),
                    cursor: maybe { DiffCursor(branch: $0.branch(), place: $0.cursor()) },
                    limit: pick([1, 1000, 10_000]), keysOnly: flag(), isSummary: flag())),
            .impact(
                GetImpact(
                    versions: [VersionName(key(), at: revision())], revisions: list { $0.revision() },
                    by: maybe {
                        Authorship(
                            agent: $0.maybe { $0.someText() }, context: $0.maybe { $0.someText() }, since: $0.revision()
                        )
                    },
                    excluded: list { $0.revision() }, ownOnly: flag(), belowFloor: flag())),
            .plan(
                GetPlan(
                    pick([
                        .merge(merge()), .rollback(rollback()), .revert(revert()), .pick(pick()),
                        .quarantine(quarantine()),
                    ]))),
        ]
        return others + retrievalRequests()
    }

    mutating func requests() -> [Request] {
        requestBodies().map { body in
            Request(
                id: word(), deadline: maybe { .milliseconds($0.small() + 1) },
                instance: maybe { Instance($0.present()) },
                streams: list { $0.stream() }, body: body)
        }
    }

    mutating func replyBodies() -> [Reply.Body] {
        let others: [Reply.Body] = [
            .refused(refusal()), .welcome(welcome()), .session(SessionID(word())),
            .sessionClosed(CloseSession.Answer()), .outcome(.committed(position())),
            .outcome(.held(position())),
            .outcome(
                .merged(
                    position(),
                    MergeReport(
                        source: revision(), written: small(), agreed: small(), settled: small(), parked: small()))),
            .planned(plan()),
            .impact(impact()), .knowledge(knowledge()),
            .outcome(.unsettled(list { $0.mergeConflict() }, unlisted: small(), at: position())),
            .outcome(
                .conflict(
                    list {
                        FailedPrecondition(
                            precondition: $0.precondition(), index: $0.small(), key: $0.key(), revision: $0.revision(),
                            current: $0.maybe { $0.record() })
                    }, at: position())),
            .records(Get.Answer(at: position(), records: list { $0.record() })),
            .range(
                RangePage(at: position(), records: list { $0.record() }, more: flag(), next: maybe { $0.key() })),
            .history(
                HistoryPage(
                    versions: list { KeyVersion(record: $0.record(), commit: $0.info()) }, more: flag())),
            .log(
                LogPage(
                    commits: list { $0.commit() }, next: cursor(), more: flag(), reached: maybe { $0.position() })),
            .branches(branchPage()),
            .status(status()),
            .registered(Registered(stream: stream(), alias: UInt32(small()), generation: word(), reset: flag())),
            .pong(Ping.Answer(clock: pick([.min, 0, .max]))),
            .page(
                PullPage(
                    isSnapshot: flag(), base: position(), target: position(), records: list { $0.record() },
                    next: maybe { $0.pageToken() }, expected: small())),
            .noted(NoteReads.Answer()), .compacted(Compact.Answer(floor: revision())),
            .backup(
                BackupPage(
                    id: word(), totalBytes: revision(), offset: revision(), bytes: data(), revision: revision())),
            .verified(
                Verification(
                    revision: revision(), floor: revision(), commits: revision(), changes: revision(),
                    problems: list { $0.text() })),
            .digest(Digest.Answer(at: position(), digest: StateDigest(count: revision(), bytes: data()))),
            .diff(
                DiffPage(
                    from: position(), to: position(), fromBranch: maybe { $0.branch() },
                    toBranch: maybe { $0.branch() },
                    standing: maybe {
                        Standing(common: $0.list { $0.state() }, onlyFrom: $0.revision(), onlyTo: $0.revision())
                    },
                    differences: list {
                        let record = $0.record()
                        let isAdded = $0.flag()
                        return Difference(
                            key: record.key, from: isAdded ? nil : record, to: isAdded || $0.flag() ? record : nil)
                    }, next: maybe { DiffCursor(branch: $0.branch(), place: $0.cursor()) })),
        ]
        return others + retrievalReplies()
    }

    private mutating func state() -> BranchState {
        BranchState(branch(), pick([.head, .revision(revision()), .back(small()), .time(time())]))
    }

    mutating func replies() -> [Reply] {
        replyBodies().map { body in
            Reply(
                id: word(), lineage: Lineage(word()), instance: Instance(word()), visible: position(),
                bookmarks: list { StreamBookmark(stream: $0.stream(), bookmark: $0.maybe { $0.bookmark() }) },
                body: body)
        }
    }

    mutating func published() -> [Published] {
        let contents: [Published.Content] = [
            .event(
                Event(position: position(), previous: revision(), records: list { $0.record() }, isAnnounced: flag())),
            .bookmark(bookmark()),
            .heartbeat(
                Heartbeat(
                    generation: word(), since: revision(), position: position(),
                    changed: list { Heartbeat.Entry(alias: UInt32($0.small()), last: $0.revision()) },
                    clock: pick([.min, 5]))),
        ]
        return contents.map { Published(topic: pick([stream(), .heartbeat]), instance: Instance(word()), content: $0) }
    }

    private mutating func welcome() -> Welcome {
        var limits = Limits()
        limits.keyBytes = small()
        limits.valueBytes = small()
        limits.changesPerTransaction = small()
        limits.transactionBytes = small()
        limits.annotationBytes = small()
        limits.messageBytes = small()
        limits.nameBytes = small()
        limits.keysPerRequest = small()
        limits.topicsPerFilter = small()
        return Welcome(
            events: list { $0.text() }, heartbeat: .milliseconds(small()), limits: limits, software: text())
    }

    private mutating func status() -> BrokerFigures {
        var status = BrokerFigures()
        status.head = position()
        status.floor = revision()
        status.software = text()
        status.uptime = .milliseconds(small())
        status.transactionsWaiting = small()
        status.readsWaiting = small()
        status.streams = small()
        status.sessions = small()
        status.commits = revision()
        status.conflicts = revision()
        status.refused = revision()
        status.busy = revision()
        status.malformed = revision()
        status.eventsPublished = revision()
        status.eventsAnnounced = revision()
        status.repliesDropped = revision()
        status.pulls = revision()
        status.batches = revision()
        status.syncMedian = .microseconds(small())
        status.syncP99 = .microseconds(small())
        status.commitMedian = .microseconds(small())
        status.commitP99 = .microseconds(small())
        status.walBytes = revision()
        status.storeBytes = revision()
        status.counts = counts()
        status.heldLog = maybe { $0.heldLog() }
        status.index = maybe { $0.indexFigures() }
        return status
    }

    private mutating func heldLog() -> HeldLog {
        HeldLog(
            bytes: revision(), duration: .milliseconds(small()),
            holders: list {
                HeldLog.Holder(
                    process: Int32(clamping: $0.small()), name: $0.text(), duration: .milliseconds($0.small()))
            })
    }

    private mutating func counts() -> MemoryCounts {
        func amount() -> MemoryCounts.Amount { .init(records: revision(), bytes: revision()) }
        func groups() -> MemoryCounts.Groups {
            .init(
                largest: list { .init(name: $0.text(), amount: .init(records: $0.revision(), bytes: $0.revision())) },
                others: amount(), names: small(), mostNames: small())
        }
        return MemoryCounts(at: position(), all: amount(), segments: groups(), owners: groups())
    }
}

/// Every stored property of a value, whatever its type, in an order of its own: equal texts, equal values.
func canonical(_ value: Any) -> String {
    switch value {
    case let data as Data: return "data(\(data.base64EncodedString()))"
    case let text as String: return "\"\(text)\""
    case let map as [String: String]: return "{\(map.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })}"
    default: break
    }
    let mirror = Mirror(reflecting: value)
    let name =
        mirror.displayStyle == .enum || mirror.children.isEmpty
        ? "\(type(of: value)).\(mirror.children.first?.label ?? "\(value)")" : "\(type(of: value))"
    return name + "(" + mirror.children.map { "\($0.label ?? ""):\(canonical($0.value))" }.joined(separator: ",") + ")"
}

extension Samples {
    fileprivate mutating func merge() -> Merge {
        Merge(
            branch(), into: branch(), at: maybe { $0.revision() }, resolutions: list { $0.resolution() },
            carriesRules: flag(), parks: flag(), plan: planID(), context: someText(), message: someText())
    }

    private mutating func planID() -> PlanID? { PlanID(pick([0, word()])) }

    fileprivate mutating func cascade() -> Cascade? {
        maybe { Cascade(ownOnly: $0.flag(), excluded: $0.list { $0.revision() }) }
    }

    fileprivate mutating func pick() -> Pick {
        Pick(
            Set(list { $0.revision() } + [1]).sorted(), onto: branch(), resolutions: [], sameReads: flag(),
            plan: planID(), context: someText(), message: someText())
    }

    fileprivate mutating func quarantine() -> Quarantine {
        Quarantine(
            branch(), versions: [VersionName(key(), at: revision())], revisions: list { $0.revision() },
            cascade: cascade(), reason: "r" + someText(), plan: planID(), context: someText(), message: someText())
    }

    fileprivate mutating func plan() -> Plan {
        Plan(
            at: position(), id: PlanID(word() | 1) ?? PlanID(of: CanonicalEncoder()),
            changes: list {
                let record = $0.record()
                return PlannedChange(
                    key: record.key, from: record, to: nil, madeOf: $0.list { $0.revision() }, isSettled: $0.flag())
            },
            unlisted: small(), conflicts: list { $0.mergeConflict() }, unlistedConflicts: small(), agreed: small(),
            isContained: flag())
    }

    fileprivate mutating func rollback() -> Rollback {
        Rollback(
            branch(), to: revision(), filter: filter(), plan: planID(), context: someText(), message: someText())
    }

    fileprivate mutating func revert() -> Revert {
        Revert(
            branch(), versions: list { VersionName($0.key(), at: $0.revision()) }, revisions: list { $0.revision() },
            author: maybe {
                Authorship(agent: $0.maybe { $0.someText() }, context: $0.maybe { $0.someText() }, since: $0.revision())
            },
            cascade: cascade(), resolutions: list { $0.resolution() }, plan: planID(), context: someText(),
            message: someText())
    }

    fileprivate mutating func knowledge() -> Knowledge {
        Knowledge(
            at: position(), since: revision(),
            known: list { dice in
                let read = dice.read(on: dice.branch(), isOwn: true)
                return KnownVersion(
                    read.key == nil ? .listed : dice.pick([.read, .required, .wrote]), read.subject,
                    on: read.branch ?? .main, version: read.version, cut: read.cut, by: dice.revision(),
                    isNoted: dice.flag(), time: dice.time(), context: dice.someText())
            }, unlisted: Int(small()), lostReads: Int(small()))
    }

    fileprivate mutating func impact() -> Impact {
        Impact(
            at: position(),
            commits: list {
                DerivedCommit(
                    commit: $0.info(),
                    edges: $0.list {
                        .init($0.pick(DerivedCommit.Reason.allCases), VersionName($0.key(), at: $0.revision()))
                    }, keys: $0.list { $0.key() }, keyCount: $0.small())
            }, unlisted: small(),
            readers: list {
                ImpactReader(
                    agent: $0.someText(), context: $0.someText(), version: VersionName($0.key(), at: $0.revision()),
                    time: $0.time())
            }, unjudged: list { $0.revision() }, unjudgedCount: small(), lostReads: small(), since: revision())
    }

    private mutating func resolution() -> Resolution {
        let choices: [Resolution.Choice] = [.ours, .theirs, .base, .put(put()), .delete]
        return Resolution(key(), ours: revision(), theirs: revision(), pick(choices))
    }

    fileprivate mutating func mergeConflict() -> MergeConflict {
        MergeConflict(
            key: key(), kind: pick(MergeConflictKind.allCases), base: maybe { MergeVersion($0.record()) },
            ours: maybe { MergeVersion($0.record(), by: $0.maybe { $0.info() }) },
            theirs: maybe { MergeVersion($0.record(), by: $0.info()) })
    }
}
