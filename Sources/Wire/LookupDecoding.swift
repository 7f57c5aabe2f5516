import Foundation
import MembusModel

// The requests that read, and those that follow a stream.

/// A page's size: 0 takes the default; more than the broker gives at once is cut down, not refused, since a
/// page says itself whether more follows.
private func pageSize(_ asked: UInt32, orElse usual: Int) -> Int { asked == 0 ? usual : min(Int(asked), 10_000) }

extension Request.Get {
    init(_ message: PBGet, _ limits: Limits) throws(Failure) {
        try Parse.check(count: message.keys.count, "get.keys", most: limits.keysPerRequest, "keysPerRequest")
        var keys: [Key] = []
        keys.reserveCapacity(message.keys.count)
        for (index, text) in message.keys.enumerated() { keys.append(try Parse.key(text, "get.keys[\(index)]")) }
        self.init(
            branch: try Parse.branch(message.branch, "get.branch"), keys: keys,
            at: message.hasAt ? try Position(message.at, "get.at") : nil)
    }
}

extension Request.Range {
    init(_ message: PBRange, _ limits: Limits) throws(Failure) {
        self.init(
            branch: try Parse.branch(message.branch, "range.branch"),
            filter: try Parse.filter(message.topics, limits),
            at: message.hasAt ? try Parse.revision(message.at, "range.at") : nil,
            after: message.after.isEmpty ? nil : try Parse.key(message.after, "range.after"),
            limit: pageSize(message.limit, orElse: 1000), keysOnly: message.keysOnly)
    }
}

extension Request.History {
    init(_ message: PBHistory) throws(Failure) {
        self.init(
            branch: try Parse.branch(message.branch, "history.branch"),
            key: try Parse.key(message.key, "history.key"),
            before: message.before == 0 ? nil : try Parse.revision(message.before, "history.before"),
            limit: pageSize(message.limit, orElse: 100))
    }
}

extension Request.Log {
    init(_ message: PBLog, _ limits: Limits) throws(Failure) {
        self.init(
            branch: message.branch.isEmpty ? nil : try Parse.branch(message.branch, "log.branch"),
            filter: message.topics.isEmpty ? nil : try Parse.filter(message.topics, limits),
            agent: message.agent.isEmpty ? nil : message.agent,
            context: message.context.isEmpty ? nil : message.context,
            since: message.sinceMs == 0 ? nil : Timestamp(milliseconds: message.sinceMs),
            until: message.untilMs == 0 ? nil : Timestamp(milliseconds: message.untilMs),
            ascending: message.ascending,
            cursor: message.hasCursor ? try LogCursor(message.cursor, "log.cursor") : nil,
            basis: message.hasBasis ? try Position(message.basis, "log.basis") : nil,
            limit: pageSize(message.limit, orElse: 100), values: message.values)
    }
}

extension Request.Register {
    init(_ message: PBRegister, _ limits: Limits) throws(Failure) {
        self.init(
            branch: try Parse.branch(message.branch, "register.branch"),
            filter: try Parse.filter(message.topics, limits), mode: try StreamMode(message.mode),
            newest: message.hasNewest ? try Token(message.newest, "register.newest") : nil)
    }
}

extension StreamMode {
    fileprivate init(_ message: PBStreamMode) throws(Failure) {
        switch message {
        case .update: self = .update
        case .invalidate: self = .invalidate
        case .unspecified, .UNRECOGNIZED:
            throw Failure(
                .invalidArgument, "register.mode: \(message.rawValue) is no mode that this broker knows",
                hint: "use UPDATE (1) or INVALIDATE (2)", subject: "mode")
        }
    }
}

extension Request.Pull {
    init(_ message: PBPull) throws(Failure) {
        self.init(
            stream: try Parse.stream(message.stream, "pull.stream"),
            from: message.hasCut ? try Token(message.cut, "pull.cut") : nil,
            atLeast: try Parse.revision(message.atLeast, "pull.at_least"),
            page: message.hasPage ? try PageToken(message.page) : nil)
    }
}

extension Request.Compact {
    init(_ message: PBCompact) throws(Failure) {
        let age = try Parse.revision(message.olderThanMs, "compact.older_than_ms")
        let below = try Parse.revision(message.below, "compact.below")
        self.init(olderThan: age == 0 ? nil : .milliseconds(age), below: below == 0 ? nil : below)
    }
}
