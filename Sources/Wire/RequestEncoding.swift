import Foundation
import MembusModel

extension PBRequest {
    init(_ request: Request) {
        self.init()
        version = ProtocolVersion.major
        id = request.id
        // A deadline below a millisecond is not "not said".
        deadlineMs = request.deadline.map { max(1, $0.wholeMilliseconds) } ?? 0
        instance = request.instance?.id ?? 0
        streams = request.streams.map(\.bytes)
        body = Self.body(request.body)
    }

    private static func body(_ body: Request.Body) -> OneOf_Body {
        switch body {
        case .hello(let hello):
            .hello(
                .with {
                    $0.agent = hello.agent
                    $0.major = hello.major
                    $0.minor = hello.minor
                })
        case .openSession(let agent): .openSession(.with { $0.agent = agent })
        case .transact(let transact): .transact(PBTransact(transact))
        case .get(let get): .get(PBGet(get))
        case .range(let range): .range(PBRange(range))
        case .history(let history): .history(PBHistory(history))
        case .log(let log): .log(PBLog(log))
        case .branches: .branches(PBBranches())
        case .status: .status(PBGetStatus())
        case .register(let register): .register(PBRegister(register))
        case .ping(let nonce): .ping(.with { $0.nonce = nonce })
        case .pull(let pull): .pull(PBPull(pull))
        case .noteReads(let agent, let reads):
            .noteReads(
                .with {
                    $0.agent = agent
                    $0.reads = reads.map(PBNoteReads.Note.init)
                })
        case .compact(let compact):
            .compact(
                .with {
                    $0.olderThanMs = compact.olderThan.map { max(1, $0.wholeMilliseconds) } ?? 0
                    $0.below = compact.below ?? 0
                })
        case .backup(let backup):
            .backup(
                .with {
                    $0.id = backup.id
                    $0.offset = backup.offset
                    $0.done = backup.done
                })
        case .verify: .verify(PBVerify())
        case .digest(let branch, let filter, let at):
            .digest(
                .with {
                    $0.branch = branch.text
                    $0.topics = filter.topics.map(\.text)
                    if let at { $0.at = at }
                })
        }
    }
}

extension PBGet {
    init(_ get: Request.Get) {
        self.init()
        branch = get.branch.text
        keys = get.keys.map(\.text)
        if let at = get.at { self.at = PBPosition(at) }
    }
}

extension PBRange {
    init(_ range: Request.Range) {
        self.init()
        branch = range.branch.text
        topics = range.filter.topics.map(\.text)
        if let at = range.at { self.at = at }
        after = range.after?.text ?? ""
        limit = UInt32(clamping: range.limit)
        keysOnly = range.keysOnly
    }
}

extension PBHistory {
    init(_ history: Request.History) {
        self.init()
        branch = history.branch.text
        key = history.key.text
        before = history.before ?? 0
        limit = UInt32(clamping: history.limit)
    }
}

extension PBLog {
    init(_ log: Request.Log) {
        self.init()
        branch = log.branch?.text ?? ""
        topics = log.filter?.topics.map(\.text) ?? []
        agent = log.agent ?? ""
        context = log.context ?? ""
        sinceMs = log.since?.milliseconds ?? 0
        untilMs = log.until?.milliseconds ?? 0
        ascending = log.ascending
        if let cursor = log.cursor { self.cursor = PBLogCursor(cursor) }
        if let basis = log.basis { self.basis = PBPosition(basis) }
        limit = UInt32(clamping: log.limit)
        values = log.values
    }
}

extension PBRegister {
    init(_ register: Request.Register) {
        self.init()
        branch = register.branch.text
        topics = register.filter.topics.map(\.text)
        mode = register.mode == .update ? .update : .invalidate
        if let newest = register.newest { self.newest = PBToken(newest) }
    }
}

extension PBPull {
    init(_ pull: Request.Pull) {
        self.init()
        stream = pull.stream.bytes
        if let from = pull.from { cut = PBToken(from) }
        atLeast = pull.atLeast
        if let page = pull.page { self.page = PBPageToken(page) }
    }
}

extension PBNoteReads.Note {
    init(_ read: Request.NotedRead) {
        self.init()
        context = read.context
        branch = read.branch.text
        key = read.key.text
        version = read.version
        timeMs = read.time.milliseconds
    }
}
