import MembusModel

extension Transact: CodedOperation {
    /// - Throws: what no number is used up for: a number or a kind of work that this broker cannot know.
    init(_ message: PBTransact, _ limits: Limits) throws(Refusal) {
        guard let kind = message.work else {
            throw Refusal(.unknownRequest, "transact: it holds no work that this broker knows", subject: "transact")
        }
        // The store keeps numbers as signed words.
        guard (1...UInt64(Int64.max)).contains(message.number) else {
            throw Refusal(
                .malformed, "transact.number: \(message.number) is out of range",
                hint: "number a session's transactions 1, 2, 3, …", subject: "number")
        }
        guard message.acknowledged <= UInt64(Int64.max) else {
            throw Refusal(
                .malformed, "transact.acknowledged: \(message.acknowledged) is out of range",
                hint: "acknowledge outcomes that have arrived", subject: "acknowledged")
        }
        let work: Result<Work, Refusal>
        do throws(Refusal) {
            switch kind {
            case .transaction(let transaction): work = .success(.transaction(try Transaction(transaction)))
            case .fork(let fork): work = .success(.fork(try Fork(fork)))
            case .merge(let merge): work = .success(.merge(try Merge(merge)))
            case .rollback(let rollback): work = .success(.rollback(try Rollback(rollback, limits)))
            case .revert(let revert): work = .success(.revert(try Revert(revert)))
            case .pick(let pick): work = .success(.pick(try Pick(pick)))
            case .quarantine(let quarantine): work = .success(.quarantine(try Quarantine(quarantine)))
            case .branchChange(let change): work = .success(.branch(try BranchChange(change)))
            case .tagChange(let change): work = .success(.tag(try TagChange(change)))
            }
        } catch {
            work = .failure(error)
        }
        self.init(
            session: SessionID(message.session), number: message.number, acknowledged: message.acknowledged, work: work)
    }

    /// Refused work has no wire form: it is left out, and the broker refuses the request.
    var message: PBTransact {
        .with {
            $0.session = session.id
            $0.number = number
            $0.acknowledged = acknowledged
            switch work {
            case .success(.transaction(let transaction)): $0.work = .transaction(PBTransaction(transaction))
            case .success(.fork(let fork)): $0.work = .fork(PBFork(fork))
            case .success(.merge(let merge)): $0.work = .merge(PBMerge(merge))
            case .success(.rollback(let rollback)): $0.work = .rollback(PBRollback(rollback))
            case .success(.revert(let revert)): $0.work = .revert(PBRevert(revert))
            case .success(.pick(let pick)): $0.work = .pick(PBPick(pick))
            case .success(.quarantine(let quarantine)): $0.work = .quarantine(PBQuarantine(quarantine))
            case .success(.branch(let change)): $0.work = .branchChange(PBBranchChange(change))
            case .success(.tag(let change)): $0.work = .tagChange(PBTagChange(change))
            case .failure: break
            }
        }
    }

    static func answer(_ message: PBOutcome) throws(Refusal) -> Outcome { try Outcome(message) }
    static func message(of outcome: Outcome) -> PBOutcome { PBOutcome(outcome) }
}

extension Outcome {
    init(_ message: PBOutcome) throws(Refusal) {
        let at = try Position(message.position, "outcome.position")
        switch message.result {
        case .committed where message.hasFrozen:
            let frozen = message.frozen
            self = .forked(at, FrozenCount(records: Int(clamping: frozen.records), isAll: !frozen.more))
        case .committed: self = .committed(at)
        case .held: self = .held(at)
        case .conflict(let conflict):
            self = .conflict(
                try conflict.failed.map { (failed) throws(Refusal) in try FailedPrecondition(failed) }, at: at)
        case .merged(let merged):
            self = .merged(
                at,
                MergeReport(
                    source: try Parse.revision(merged.source, "outcome.merged.source"),
                    written: Int(clamping: merged.written), agreed: Int(clamping: merged.agreed),
                    settled: Int(clamping: merged.settled), parked: Int(clamping: merged.parked)))
        case .unsettled(let unsettled):
            self = .unsettled(
                try unsettled.conflicts.map { (conflict) throws(Refusal) in try MergeConflict(conflict) },
                unlisted: Int(clamping: unsettled.unlisted), at: at)
        case nil: throw Refusal(.malformed, "outcome: its result is of no kind that is known here")
        }
    }
}

extension FailedPrecondition {
    init(_ message: PBFailedPrecondition) throws(Refusal) {
        self.init(
            precondition: try Precondition(message.precondition, "outcome.failed.precondition"),
            index: Int(message.index), key: Key(unchecked: message.key),
            revision: try Parse.revision(message.revision, "outcome.failed.revision"),
            current: message.hasCurrent ? try Parse.record(message.current) : nil)
    }
}

extension PBOutcome {
    init(_ outcome: Outcome) {
        self.init()
        switch outcome {
        case .committed(let at):
            position = PBPosition(at)
            result = .committed(true)
        case .forked(let at, let frozen):
            position = PBPosition(at)
            result = .committed(true)
            self.frozen = .with {
                $0.records = Int64(frozen.records)
                $0.more = !frozen.isAll
            }
        case .held(let at):
            position = PBPosition(at)
            result = .held(true)
        case .conflict(let failed, let at):
            position = PBPosition(at)
            result = .conflict(.with { $0.failed = failed.map(PBFailedPrecondition.init) })
        case .merged(let at, let report):
            position = PBPosition(at)
            result = .merged(
                .with {
                    $0.source = report.source
                    $0.written = Int64(report.written)
                    $0.agreed = Int64(report.agreed)
                    $0.settled = Int64(report.settled)
                    $0.parked = Int64(report.parked)
                })
        case .unsettled(let conflicts, let unlisted, let at):
            position = PBPosition(at)
            result = .unsettled(
                .with {
                    $0.conflicts = conflicts.map(PBMergeConflict.init)
                    $0.unlisted = Int64(unlisted)
                })
        }
    }
}

extension PBFailedPrecondition {
    init(_ failed: FailedPrecondition) {
        self.init()
        index = UInt32(clamping: failed.index)
        key = failed.key.text
        revision = failed.revision
        if let current = failed.current { self.current = PBRecord(current) }
        precondition = PBPrecondition(failed.precondition)
    }
}
