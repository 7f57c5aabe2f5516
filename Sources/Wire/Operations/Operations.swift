import MembusModel

// The lists of all operations, as the wire knows them: a new one is a line in each of the four.

extension Request.Body {
    init(_ body: PBRequest.OneOf_Body, _ limits: Limits) throws(Refusal) {
        switch body {
        case .hello(let message): self = .hello(try Hello(message, limits))
        case .openSession(let message): self = .openSession(try OpenSession(message, limits))
        case .closeSession(let message): self = .closeSession(try CloseSession(message, limits))
        case .transact(let message): self = .transact(try Transact(message, limits))
        case .get(let message): self = .get(try Get(message, limits))
        case .range(let message): self = .range(try GetRange(message, limits))
        case .history(let message): self = .history(try GetHistory(message, limits))
        case .log(let message): self = .log(try GetLog(message, limits))
        case .branches(let message): self = .branches(try GetBranches(message, limits))
        case .status(let message): self = .status(try GetStatus(message, limits))
        case .register(let message): self = .register(try Register(message, limits))
        case .ping(let message): self = .ping(try Ping(message, limits))
        case .pull(let message): self = .pull(try Pull(message, limits))
        case .noteReads(let message): self = .noteReads(try NoteReads(message, limits))
        case .compact(let message): self = .compact(try Compact(message, limits))
        case .backup(let message): self = .backup(try Backup(message, limits))
        case .verify(let message): self = .verify(try Verify(message, limits))
        case .digest(let message): self = .digest(try Digest(message, limits))
        case .diff(let message): self = .diff(try GetDiff(message, limits))
        case .impact(let message): self = .impact(try GetImpact(message, limits))
        case .plan(let message): self = .plan(try GetPlan(message, limits))
        case .knowledge(let message): self = .knowledge(try GetKnowledge(message, limits))
        case .search(let message): self = .search(try Search(message, limits))
        case .recall(let message): self = .recall(try Recall(message, limits))
        case .links(let message): self = .links(try GetLinks(message, limits))
        case .query(let message): self = .query(try Query(message, limits))
        case .reindex(let message): self = .reindex(try Reindex(message, limits))
        }
    }

    var message: PBRequest.OneOf_Body {
        switch self {
        case .hello(let operation): .hello(operation.message)
        case .openSession(let operation): .openSession(operation.message)
        case .closeSession(let operation): .closeSession(operation.message)
        case .transact(let operation): .transact(operation.message)
        case .get(let operation): .get(operation.message)
        case .range(let operation): .range(operation.message)
        case .history(let operation): .history(operation.message)
        case .log(let operation): .log(operation.message)
        case .branches(let operation): .branches(operation.message)
        case .status(let operation): .status(operation.message)
        case .register(let operation): .register(operation.message)
        case .ping(let operation): .ping(operation.message)
        case .pull(let operation): .pull(operation.message)
        case .noteReads(let operation): .noteReads(operation.message)
        case .compact(let operation): .compact(operation.message)
        case .backup(let operation): .backup(operation.message)
        case .verify(let operation): .verify(operation.message)
        case .digest(let operation): .digest(operation.message)
        case .diff(let operation): .diff(operation.message)
        case .impact(let operation): .impact(operation.message)
        case .plan(let operation): .plan(operation.message)
        case .knowledge(let operation): .knowledge(operation.message)
        case .search(let operation): .search(operation.message)
        case .recall(let operation): .recall(operation.message)
        case .links(let operation): .links(operation.message)
        case .query(let operation): .query(operation.message)
        case .reindex(let operation): .reindex(operation.message)
        }
    }
}

extension Reply.Body {
    init(_ body: PBReply.OneOf_Body) throws(Refusal) {
        switch body {
        case .error(let error): self = .refused(Refusal(error))
        case .welcome(let message): self = .welcome(try Hello.answer(message))
        case .session(let message): self = .session(try OpenSession.answer(message))
        case .sessionClosed(let message): self = .sessionClosed(try CloseSession.answer(message))
        case .outcome(let message): self = .outcome(try Transact.answer(message))
        case .records(let message): self = .records(try Get.answer(message))
        case .range(let message): self = .range(try GetRange.answer(message))
        case .history(let message): self = .history(try GetHistory.answer(message))
        case .log(let message): self = .log(try GetLog.answer(message))
        case .branches(let message): self = .branches(try GetBranches.answer(message))
        case .status(let message): self = .status(try GetStatus.answer(message))
        case .registered(let message): self = .registered(try Register.answer(message))
        case .pong(let message): self = .pong(try Ping.answer(message))
        case .page(let message): self = .page(try Pull.answer(message))
        case .noted(let message): self = .noted(try NoteReads.answer(message))
        case .compacted(let message): self = .compacted(try Compact.answer(message))
        case .backup(let message): self = .backup(try Backup.answer(message))
        case .verification(let message): self = .verified(try Verify.answer(message))
        case .digest(let message): self = .digest(try Digest.answer(message))
        case .diff(let message): self = .diff(try GetDiff.answer(message))
        case .impact(let message): self = .impact(try GetImpact.answer(message))
        case .planned(let message): self = .planned(try GetPlan.answer(message))
        case .knowledge(let message): self = .knowledge(try GetKnowledge.answer(message))
        case .search(let message): self = .search(try Search.answer(message))
        case .recall(let message): self = .recall(try Recall.answer(message))
        case .links(let message): self = .links(try GetLinks.answer(message))
        case .query(let message): self = .query(try Query.answer(message))
        case .reindex(let message): self = .reindexed(try Reindex.answer(message))
        }
    }

    var message: PBReply.OneOf_Body {
        switch self {
        case .refused(let refusal): .error(PBError(refusal))
        case .welcome(let answer): .welcome(Hello.message(of: answer))
        case .session(let answer): .session(OpenSession.message(of: answer))
        case .sessionClosed(let answer): .sessionClosed(CloseSession.message(of: answer))
        case .outcome(let answer): .outcome(Transact.message(of: answer))
        case .records(let answer): .records(Get.message(of: answer))
        case .range(let answer): .range(GetRange.message(of: answer))
        case .history(let answer): .history(GetHistory.message(of: answer))
        case .log(let answer): .log(GetLog.message(of: answer))
        case .branches(let answer): .branches(GetBranches.message(of: answer))
        case .status(let answer): .status(GetStatus.message(of: answer))
        case .registered(let answer): .registered(Register.message(of: answer))
        case .pong(let answer): .pong(Ping.message(of: answer))
        case .page(let answer): .page(Pull.message(of: answer))
        case .noted(let answer): .noted(NoteReads.message(of: answer))
        case .compacted(let answer): .compacted(Compact.message(of: answer))
        case .backup(let answer): .backup(Backup.message(of: answer))
        case .verified(let answer): .verification(Verify.message(of: answer))
        case .digest(let answer): .digest(Digest.message(of: answer))
        case .diff(let answer): .diff(GetDiff.message(of: answer))
        case .impact(let answer): .impact(GetImpact.message(of: answer))
        case .planned(let answer): .planned(GetPlan.message(of: answer))
        case .knowledge(let answer): .knowledge(GetKnowledge.message(of: answer))
        case .search(let answer): .search(Search.message(of: answer))
        case .recall(let answer): .recall(Recall.message(of: answer))
        case .links(let answer): .links(GetLinks.message(of: answer))
        case .query(let answer): .query(Query.message(of: answer))
        case .reindexed(let answer): .reindex(Reindex.message(of: answer))
        }
    }
}
