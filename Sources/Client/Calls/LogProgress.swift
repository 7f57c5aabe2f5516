/// How far a watch has read the log. Pages alone say how far: a reply also says what was visible when it was sent, but
/// the page was read before that, and a commit that came between is not part of it.
struct LogProgress: Sendable {
    /// The log has been read up to here.
    private(set) var cursor: LogCursor
    /// How far the newest page came, the newest commit that was read, where the reading began, or where the signal was last
    /// heard of: the history that the next page has to continue.
    private(set) var basis: Position?
    /// `nil` until the first page, where a bare revision was given.
    private(set) var lineage: Lineage?
    /// Whether the newest page was the last one when it was read.
    private(set) var isAtEnd = false
    /// Which broker gave the newest page: it serves one history for as long as it runs.
    private(set) var instance: Instance?

    init(after revision: Revision, basis: Position?, lineage: Lineage?) {
        cursor = .end(of: revision)
        self.basis = basis
        self.lineage = lineage
    }

    init(of token: Token) {
        self.init(after: token.revision, basis: token.position, lineage: token.lineage)
    }

    /// - Returns: the page's changes, oldest first.
    /// - Throws: ``MembusError/historyChanged(now:)`` if the reply is of another history than the pages before.
    mutating func take(_ answered: Answered<LogPage>) throws -> [WatchedChange] {
        if let lineage, lineage != answered.lineage { throw MembusError.historyChanged(now: answered.lineage) }
        (lineage, instance) = (answered.lineage, answered.instance)
        let page = answered.answer
        isAtEnd = !page.more
        let last = page.commits.last?.info.position
        basis = last ?? basis
        if let reached = page.reached, reached.revision == page.next.revision {
            if cursor <= page.next { (cursor, basis) = (page.next, reached) }
        } else if page.next == .end(of: answered.visible.revision) {
            // Nothing else became visible meanwhile: the reply tells the very state that was read up to. An old commit as
            // the basis would not do: an old copy of the store may hold it, and go on differently from there.
            (cursor, basis) = (max(cursor, page.next), answered.visible)
        } else if page.more {
            cursor = max(cursor, page.next)
        } else if let last {
            // What was read beyond has no place that is known: it is read again, or passed with the signal.
            cursor = max(cursor, .end(of: last.revision))
        }
        return page.commits.flatMap { commit in
            commit.records.map { WatchedChange(record: $0, commit: commit.info, lineage: answered.lineage) }
        }
    }

    /// Nothing of the topics changed up to there: as good as read.
    mutating func pass(_ quiet: Quiet) {
        guard cursor < .end(of: quiet.upTo) else { return }
        (cursor, basis) = (.end(of: quiet.upTo), quiet.basis)
    }
}

/// How far nothing of some topics changed, beyond a place up to which somebody has read their log.
struct Quiet: Hashable, Sendable {
    let upTo: Revision
    /// A place of the same history, there or beyond.
    let basis: Position
}
