/// One change, as ``Memory/watch(_:after:branch:)-(String...,_,_)`` delivers it.
public struct WatchedChange: Sendable {
    /// What it left under the key, with its value; a deletion has ``/MembusModel/Record/isDeleted`` set.
    public let record: Record
    /// The commit that it is part of.
    public let commit: CommitInfo
    /// The history that it is part of.
    public let lineage: Lineage
    public var key: Key { record.key }
    public var revision: Revision { record.revision }
}

/// Every change to some topics after a revision, in order, each once, never joined: over reconnects and
/// restarts of the broker too. The log is read page by page as the changes are asked for, so that a slow
/// reader holds nothing up; a stream of invalidations tells when there is more to read. Where the broker's events do not
/// come through, the log is read every few seconds instead.
public struct Watch: AsyncSequence, Sendable {
    public typealias Element = WatchedChange
    let memory: Memory
    let topics: [String]
    let start: Watching.Start
    let branch: BranchName

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    /// The same, of what comes from now on.
    package var fromNow: Watch { Watch(memory: memory, topics: topics, start: .now, branch: branch) }

    /// Asks whether all is kept that it begins with.
    /// - Throws: what iterating would throw at once.
    package func check() async throws {
        let progress: LogProgress
        switch start {
        case .after(let revision): progress = LogProgress(after: revision, basis: nil, lineage: nil)
        case .of(let token): progress = LogProgress(of: token)
        case .now: return
        }
        let asked = GetLog(
            branch: branch, filter: try filtered(topics), ascending: true, cursor: progress.cursor,
            basis: progress.basis, limit: 1)
        _ = try await memory.connection.ask(asked)
    }

    public struct Iterator: AsyncIteratorProtocol {
        private let watch: Watch
        private var watching: Watching?
        /// Followed for as long as somebody iterates.
        private var signal: View?

        init(_ watch: Watch) { self.watch = watch }

        /// The next change; waits for one, and for a broker that is away.
        /// - Throws: ``MembusError/refused(_:)`` with ``/MembusModel/Refusal/Code/belowFloor`` if changes of the topics after the
        ///   revision are no longer kept; ``MembusError/historyChanged(now:)``; ``MembusError/closed``; ``MembusError/invalidName(_:)``
        ///   for a topic; `CancellationError`.
        public mutating func next() async throws -> WatchedChange? {
            try Task.checkCancellation()
            var watching = try watching ?? begun()
            defer { self.watching = watching }
            let connection = watch.memory.connection
            let change = try await connection.begin(&watching, .each(connection.settings.timeout))
            watch.memory.note(change.record, on: watch.branch)
            return change
        }

        private mutating func begun() throws -> Watching {
            let (watching, signal) = try watch.begun()
            self.signal = signal
            return watching
        }
    }

    /// - Returns: also what it listens to, for as long as somebody holds it.
    private func begun() throws -> (Watching, View) {
        let filter = try filtered(topics)
        let signal = try memory.signal(filter, branch: branch)
        return (Watching(signal: signal.id, branch: branch, filter: filter, from: start), signal)
    }

    /// For whoever has no task to iterate in.
    package func reader() throws -> WatchReader {
        let (watching, signal) = try begun()
        let connection = memory.connection
        return WatchReader(Errand(watching, connection, .each(connection.settings.timeout)), signal) { changes in
            for change in changes { memory.note(change.record, on: branch) }
        }
    }
}

extension Memory {
    /// Every change to some topics after a revision, in order, each once.
    /// - Parameters:
    ///   - topics: prefixes ending in `/`, exact keys, or `/` for everything.
    ///   - revision: exclusive; `nil`: from now on.
    ///   - branch: `nil`: the connection's.
    public func watch(_ topics: String..., after revision: Revision? = nil, branch: BranchName? = nil) -> Watch {
        watch(topics, after: revision, branch: branch)
    }
    public func watch(_ topics: [String], after revision: Revision? = nil, branch: BranchName? = nil) -> Watch {
        let start = revision.map { Watching.Start.after($0) } ?? .now
        return Watch(memory: self, topics: topics, start: start, branch: branch ?? self.branch)
    }
    /// Every change after what a token stands for; it is checked that the token is of the broker's history.
    public func watch(_ topics: [String], after token: Token, branch: BranchName? = nil) -> Watch {
        Watch(memory: self, topics: topics, start: .of(token), branch: branch ?? self.branch)
    }

    /// A stream of invalidations without a cache: it only tells that something changed.
    func signal(_ filter: TopicFilter, branch: BranchName) throws -> View {
        let follow = Follow(branch: branch, filter: filter, mode: .invalidate, isSignal: true)
        let shared = SharedView(follow: follow, capacity: 0, whenStale: .serve, context: context)
        return View(connection: connection, shared: shared, id: try connection.follow(follow, shared))
    }
}
