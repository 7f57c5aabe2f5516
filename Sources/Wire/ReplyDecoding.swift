import Foundation
import MembusModel

extension Reply {
    init(_ message: PBReply) throws(Failure) {
        guard let body = message.body else { throw Failure(.malformed, "its body is of no kind that is known here") }
        self.init(
            id: message.id, lineage: Lineage(message.lineage), instance: Instance(message.instance),
            visible: try Position(message.visible, "visible"),
            bookmarks: try message.bookmarks.map { (entry) throws(Failure) in try StreamBookmark(entry) },
            body: try Body(body))
    }
}

extension Reply.Body {
    init(_ body: PBReply.OneOf_Body) throws(Failure) {
        switch body {
        case .error(let error): self = .failure(Failure(error))
        case .welcome(let welcome): self = .welcome(Reply.Welcome(welcome))
        case .session(let session): self = .session(SessionID(session.session))
        case .outcome(let outcome): self = .outcome(try Outcome(outcome))
        case .records(let page):
            self = .records(Reply.Records(at: try Position(page.at, "records.at"), records: try Parse.records(page.records)))
        case .range(let page):
            self = .range(
                Reply.RangePage(
                    at: try Position(page.at, "range.at"), records: try Parse.records(page.records), more: page.more))
        case .history(let page):
            self = .history(
                Reply.HistoryPage(
                    versions: try page.versions.map { (version) throws(Failure) in
                        Reply.HistoryPage.Version(record: try Parse.record(version.record), commit: try CommitInfo(version.commit))
                    }, more: page.more))
        case .log(let page):
            self = .log(
                Reply.LogPage(
                    commits: try page.commits.map { (commit) throws(Failure) in try Commit(commit) },
                    next: try LogCursor(page.next, "log.next"), more: page.more))
        case .branches(let list):
            self = .branches(try list.branches.map { (branch) throws(Failure) in try Reply.BranchInfo(branch) })
        case .status(let status): self = .status(try Reply.Status(status))
        case .registered(let registered):
            self = .registered(
                Reply.Registered(
                    stream: try Parse.stream(registered.stream, "registered.stream"), alias: registered.alias,
                    generation: registered.generation, reset: registered.reset))
        case .pong(let pong): self = .pong(clock: pong.clockNs)
        case .page(let page): self = .page(try Reply.Page(page))
        case .noted: self = .noted
        case .compacted(let compacted): self = .compacted(floor: try Parse.revision(compacted.floor, "compacted.floor"))
        case .backup(let page): self = .backup(try Reply.BackupPage(page))
        case .verification(let verification): self = .verified(try Reply.Verification(verification))
        case .digest(let digest):
            self = .digest(
                Reply.Digest(
                    at: try Position(digest.at, "digest.at"),
                    digest: StateDigest(count: digest.count, bytes: digest.digest)))
        }
    }
}

extension StreamBookmark {
    init(_ message: PBStreamBookmark) throws(Failure) {
        self.init(
            stream: try Parse.stream(message.stream, "bookmarks.stream"),
            bookmark: message.hasBookmark ? try Bookmark(message.bookmark) : nil)
    }
}

extension Outcome {
    init(_ message: PBOutcome) throws(Failure) {
        let at = try Position(message.position, "outcome.position")
        switch message.result {
        case .committed: self = .committed(at)
        case .held: self = .held(at)
        case .conflict(let conflict):
            self = .conflict(
                try conflict.failed.map { (failed) throws(Failure) in try FailedPrecondition(failed) }, at: at)
        case nil: throw Failure(.malformed, "outcome: its result is of no kind that is known here")
        }
    }
}

extension FailedPrecondition {
    init(_ message: PBFailedPrecondition) throws(Failure) {
        self.init(
            precondition: try Precondition(message.precondition, "outcome.failed.precondition"),
            index: Int(message.index), key: Key(unchecked: message.key),
            revision: try Parse.revision(message.revision, "outcome.failed.revision"),
            current: message.hasCurrent ? try Parse.record(message.current) : nil)
    }
}

extension Reply.BranchInfo {
    init(_ message: PBBranch) throws(Failure) {
        self.init(
            name: BranchName(unchecked: message.name),
            parent: message.parent.isEmpty ? nil : BranchName(unchecked: message.parent),
            forkRevision: try Parse.revision(message.forkRevision, "branch.fork_revision"),
            created: try Parse.revision(message.created, "branch.created"))
    }
}

extension Reply.Page {
    init(_ message: PBPage) throws(Failure) {
        self.init(
            isSnapshot: message.snapshot, base: try Position(message.base, "page.base"),
            target: try Position(message.target, "page.target"), records: try Parse.records(message.records),
            next: message.hasNext ? try PageToken(message.next) : nil, expected: max(0, Int(clamping: message.expected)))
    }
}

extension Reply.BackupPage {
    init(_ message: PBBackupPage) throws(Failure) {
        self.init(
            id: message.id, totalBytes: try Parse.revision(message.totalBytes, "backup.total_bytes"),
            offset: try Parse.revision(message.offset, "backup.offset"), bytes: message.bytes,
            revision: try Parse.revision(message.revision, "backup.revision"))
    }
}

extension Reply.Verification {
    init(_ message: PBVerification) throws(Failure) {
        self.init(
            revision: try Parse.revision(message.revision, "verification.revision"),
            floor: try Parse.revision(message.floor, "verification.floor"), commits: message.commits,
            changes: message.changes, problems: message.problems)
    }
}
