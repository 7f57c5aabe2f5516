import CMembus
import Membus
import MembusDocuments

/// What a call came to, before C looks at it. It becomes C's structs on the thread that asks for it, not on the
/// connection's, which has others to serve.
enum Product: Sendable {
    case nothing
    case memory(Memory)
    case view(View)
    /// Records for these keys; of those that have none, too.
    case records(Snapshot, [String])
    case all(Snapshot)
    case page(PageReader<Record>.Page)
    case versions(PageReader<KeyVersion>.Page)
    case differences(PageReader<Difference>.Page)
    case commits(PageReader<Commit>.Page)
    case changes([WatchedChange])
    case viewChanges([ViewChanges.Element])
    /// `nil`: to be run again.
    case transaction(Receipt?)
    case merge(MergeOutcome)
    case token(Token)
    case digest(Token, StateDigest)
    case number(Int64)
    case state(String, Revision)
    case report(JSONValue)
}

extension Arena {
    /// - Throws: ``DoorError/tooMany``.
    func answer(_ product: Product) throws -> membus_answer {
        var answer = membus_answer()
        switch product {
        case .nothing: break
        case .memory(let memory): answer.object = try number(of: MemoryObject(memory), .memory)
        case .view(let view): answer.object = try number(of: ViewObject(view), .view)
        case .records(let snapshot, let keys):
            fill(
                &answer, snapshot.token, many(keys) { key in snapshot[key].map { record($0) } ?? none(key) }, keys.count
            )
        case .all(let snapshot):
            fill(&answer, snapshot.token, many(snapshot.records) { record($0) }, snapshot.records.count)
        case .page(let page):
            fill(&answer, page.token, many(page.elements) { record($0) }, page.elements.count)
            answer.is_last = page.isLast ? 1 : 0
        case .versions(let page): fill(&answer, page)
        case .differences(let page): fill(&answer, page)
        case .commits(let page): fill(&answer, page)
        case .changes(let changes): fill(&answer, changes)
        case .viewChanges(let changes): fill(&answer, changes)
        case .transaction(let receipt): fill(&answer, receipt)
        case .merge(let outcome): fill(&answer, outcome)
        case .token(let token): answer.token = membus_token(token)
        case .digest(let token, let digest):
            answer.token = membus_token(token)
            answer.text = text(digest.bytes.hexadecimal)
            answer.number = Int64(digest.count)
        case .number(let number): answer.number = number
        case .state(let branch, let revision):
            answer.text = text(branch)
            answer.number = revision
        case .report(let json): answer.text = text(json.line)
        }
        return answer
    }

    private func number(of object: AnyObject, _ kind: ObjectKind) throws -> membus_object {
        guard let number = ObjectTable.shared.add(object, kind) else { throw DoorError.tooMany }
        return number
    }

    private func fill(
        _ answer: inout membus_answer, _ token: Token, _ records: UnsafePointer<membus_record>?, _ count: Int
    ) {
        answer.token = membus_token(token)
        (answer.records, answer.record_count) = (records, count)
    }

    private func fill(_ answer: inout membus_answer, _ page: PageReader<KeyVersion>.Page) {
        let versions = page.elements
        fill(&answer, page.token, many(versions) { record($0.record) }, versions.count)
        answer.commits = many(Array(versions.enumerated())) { commit($1.commit, records: $0..<$0 + 1) }
        answer.commit_count = versions.count
        answer.is_last = page.isLast ? 1 : 0
    }

    /// In pairs.
    private func fill(_ answer: inout membus_answer, _ page: PageReader<Difference>.Page) {
        let pairs = page.elements.flatMap { difference in
            [difference.from, difference.to].map { (key: difference.key, record: $0) }
        }
        fill(&answer, page.token, many(pairs) { $0.record.map { record($0) } ?? none($0.key.text) }, pairs.count)
        answer.is_last = page.isLast ? 1 : 0
    }

    private func fill(_ answer: inout membus_answer, _ page: PageReader<Commit>.Page) {
        let records = page.elements.flatMap(\.records)
        fill(&answer, page.token, many(records) { record($0) }, records.count)
        var next = 0
        answer.commits = many(page.elements) { element in
            defer { next += element.records.count }
            return commit(element.info, records: next..<next + element.records.count)
        }
        answer.commit_count = page.elements.count
        answer.is_last = page.isLast ? 1 : 0
    }

    /// Changes of one commit follow one another.
    private func fill(_ answer: inout membus_answer, _ changes: [WatchedChange]) {
        guard let last = changes.last else { return }
        let token = Token(lineage: last.lineage, position: last.commit.position)
        fill(&answer, token, many(changes) { record($0.record) }, changes.count)
        var commits: [(CommitInfo, Range<Int>)] = []
        for (index, change) in changes.enumerated() {
            if let before = commits.last, before.0.revision == change.commit.revision {
                commits[commits.count - 1].1 = before.1.lowerBound..<index + 1
            } else {
                commits.append((change.commit, index..<index + 1))
            }
        }
        answer.commits = many(commits) { commit($0.0, records: $0.1) }
        answer.commit_count = commits.count
    }

    /// Where everything may have changed, what is listed beside that says nothing more.
    private func fill(_ answer: inout membus_answer, _ changes: [ViewChanges.Element]) {
        var records: [membus_record] = []
        for change in changes {
            switch change {
            case .changed(_, _, let held?): records.append(record(held))
            case .changed(let key, let revision, nil): records.append(version(key, revision, Int32(MEMBUS_NONE)))
            case .deleted(let key, let revision): records.append(version(key, revision, Int32(MEMBUS_DELETED)))
            case .everything: answer.outcome = Int32(MEMBUS_EVERYTHING)
            }
        }
        (answer.records, answer.record_count) = (many(records) { $0 }, records.count)
    }

    private func version(_ key: Key, _ revision: Revision, _ state: Int32) -> membus_record {
        var shown = none(key.text)
        (shown.revision, shown.state) = (revision, state)
        return shown
    }

    private func fill(_ answer: inout membus_answer, _ receipt: Receipt?) {
        guard let receipt else {
            answer.outcome = Int32(MEMBUS_RUN_AGAIN)
            return
        }
        answer.token = membus_token(receipt.token)
        answer.outcome = Int32(receipt.isCommitted ? MEMBUS_COMMITTED : MEMBUS_HELD)
        answer.number = Int64(receipt.frozen?.records ?? 0)
    }

    private func fill(_ answer: inout membus_answer, _ outcome: MergeOutcome) {
        switch outcome {
        case .merged(let receipt, let report):
            fill(&answer, receipt)
            answer.merged = UnsafePointer(
                one(
                    membus_merge_report(
                        source: report.source, written: Int64(report.written), agreed: Int64(report.agreed),
                        settled: Int64(report.settled), parked: Int64(report.parked))))
        case .nothing(let token):
            answer.token = membus_token(token)
            answer.outcome = Int32(MEMBUS_HELD)
        }
    }
}
