import MembusModel

extension GetHistory: CodedOperation {
    init(_ message: PBHistory, _ limits: Limits) throws(Refusal) {
        self.init(
            branch: try Parse.branch(message.branch, "history.branch"), key: try Parse.key(message.key, "history.key"),
            before: message.before == 0 ? nil : try Parse.revision(message.before, "history.before"),
            limit: Parse.pageSize(message.limit, orElse: 100))
    }

    var message: PBHistory {
        .with {
            $0.branch = branch.text
            $0.key = key.text
            $0.before = before ?? 0
            $0.limit = UInt32(clamping: limit)
        }
    }

    static func answer(_ message: PBHistoryPage) throws(Refusal) -> HistoryPage {
        HistoryPage(
            versions: try message.versions.map { (version) throws(Refusal) in
                KeyVersion(record: try Parse.record(version.record), commit: try CommitInfo(version.commit))
            }, more: message.more)
    }

    static func message(of page: HistoryPage) -> PBHistoryPage {
        .with {
            $0.versions = page.versions.map { version in
                .with {
                    $0.record = PBRecord(version.record)
                    $0.commit = PBCommitInfo(version.commit)
                }
            }
            $0.more = page.more
        }
    }
}
