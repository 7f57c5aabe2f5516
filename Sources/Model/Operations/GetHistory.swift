/// The versions of one key, newest first, deletions included, those inherited from parent branches too.
package struct GetHistory: Operation, Hashable {
    package var branch: BranchName
    package var key: Key
    /// Exclusive; `nil`: from the newest.
    package var before: Revision?
    package var limit: Int

    package init(branch: BranchName, key: Key, before: Revision? = nil, limit: Int = 100) {
        self.branch = branch
        self.key = key
        self.before = before
        self.limit = limit
    }

    package typealias Answer = HistoryPage

    package static let traits = Traits("the history", .lookUp(isLong: false), yieldsToBusy: true)
    package var touches: [Touched] { [Touched(.read, on: branch, .keys([key]))] }

    package var body: Request.Body { .history(self) }
    package static func body(of answer: Answer) -> Reply.Body { .history(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .history(let answer) = body { answer } else { nil }
    }
}

package struct HistoryPage: Sendable {
    package var versions: [KeyVersion]
    package var more: Bool

    package init(versions: [KeyVersion], more: Bool) {
        self.versions = versions
        self.more = more
    }
}

/// One version of a key, with the commit that made it.
public struct KeyVersion: Sendable {
    public var record: Record
    public var commit: CommitInfo

    package init(record: Record, commit: CommitInfo) {
        self.record = record
        self.commit = commit
    }
}
