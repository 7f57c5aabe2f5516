import Foundation
import MembusModel

extension PBReply {
    init(_ reply: Reply) {
        self.init()
        id = reply.id
        lineage = reply.lineage.id
        instance = reply.instance.id
        visible = PBPosition(reply.visible)
        if !reply.bookmarks.isEmpty { bookmarks = reply.bookmarks.map(PBStreamBookmark.init) }
        body = Self.body(reply.body)
    }

    private static func body(_ body: Reply.Body) -> OneOf_Body {
        switch body {
        case .failure(let failure): .error(PBError(failure))
        case .welcome(let welcome): .welcome(PBWelcome(welcome))
        case .session(let session): .session(.with { $0.session = session.id })
        case .outcome(let outcome): .outcome(PBOutcome(outcome))
        case .records(let page):
            .records(
                .with {
                    $0.at = PBPosition(page.at)
                    $0.records = page.records.map(PBRecord.init)
                })
        case .range(let page):
            .range(
                .with {
                    $0.at = PBPosition(page.at)
                    $0.records = page.records.map(PBRecord.init)
                    $0.more = page.more
                })
        case .history(let page):
            .history(
                .with {
                    $0.versions = page.versions.map(PBHistoryPage.Version.init)
                    $0.more = page.more
                })
        case .log(let page):
            .log(
                .with {
                    $0.commits = page.commits.map(PBCommit.init)
                    $0.next = PBLogCursor(page.next)
                    $0.more = page.more
                })
        case .branches(let branches): .branches(.with { $0.branches = branches.map(PBBranch.init) })
        case .status(let status): .status(PBStatus(status))
        case .registered(let registered): .registered(PBRegistered(registered))
        case .pong(let clock): .pong(.with { $0.clockNs = clock })
        case .page(let page): .page(PBPage(page))
        case .noted: .noted(PBNoted())
        case .compacted(let floor): .compacted(.with { $0.floor = floor })
        case .backup(let page): .backup(PBBackupPage(page))
        case .verified(let verification): .verification(PBVerification(verification))
        case .digest(let digest):
            .digest(
                .with {
                    $0.at = PBPosition(digest.at)
                    $0.count = digest.digest.count
                    $0.digest = digest.digest.bytes
                })
        }
    }
}

extension PBStreamBookmark {
    init(_ entry: StreamBookmark) {
        self.init()
        stream = entry.stream.bytes
        if let bookmark = entry.bookmark { self.bookmark = PBBookmark(bookmark) }
    }
}

extension PBOutcome {
    init(_ outcome: Outcome) {
        self.init()
        switch outcome {
        case .committed(let at):
            position = PBPosition(at)
            result = .committed(true)
        case .held(let at):
            position = PBPosition(at)
            result = .held(true)
        case .conflict(let failed, let at):
            position = PBPosition(at)
            result = .conflict(.with { $0.failed = failed.map(PBFailedPrecondition.init) })
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

extension PBHistoryPage.Version {
    init(_ version: Reply.HistoryPage.Version) {
        self.init()
        record = PBRecord(version.record)
        commit = PBCommitInfo(version.commit)
    }
}

extension PBBranch {
    init(_ branch: Reply.BranchInfo) {
        self.init()
        name = branch.name.text
        parent = branch.parent?.text ?? ""
        forkRevision = branch.forkRevision
        created = branch.created
    }
}

extension PBRegistered {
    init(_ registered: Reply.Registered) {
        self.init()
        stream = registered.stream.bytes
        alias = registered.alias
        generation = registered.generation
        reset = registered.reset
    }
}

extension PBPage {
    init(_ page: Reply.Page) {
        self.init()
        snapshot = page.isSnapshot
        base = PBPosition(page.base)
        target = PBPosition(page.target)
        records = page.records.map(PBRecord.init)
        if let next = page.next { self.next = PBPageToken(next) }
        expected = Int64(page.expected)
    }
}

extension PBBackupPage {
    init(_ page: Reply.BackupPage) {
        self.init()
        id = page.id
        totalBytes = page.totalBytes
        offset = page.offset
        bytes = page.bytes
        revision = page.revision
    }
}

extension PBVerification {
    init(_ verification: Reply.Verification) {
        self.init()
        revision = verification.revision
        floor = verification.floor
        commits = verification.commits
        changes = verification.changes
        problems = verification.problems
    }
}
