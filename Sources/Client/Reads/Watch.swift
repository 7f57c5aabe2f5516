/// One change, as ``Memory/watch(_:after:branch:)-(String...,_,_)`` delivers it.
public struct WatchedChange: Sendable {
    /// What it left under the key, with its value; a deletion has ``Record/isDeleted`` set.
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
/// reader holds nothing up; a stream of invalidations tells when there is more to read.
public struct Watch: AsyncSequence, Sendable {
    public typealias Element = WatchedChange
    let memory: Memory
    let topics: [String]
    let after: Revision?
    let basis: Token?
    let branch: BranchName

    public func makeAsyncIterator() -> Iterator { Iterator(self) }

    public struct Iterator: AsyncIteratorProtocol {
        private let watch: Watch
        private var signal: View?
        private var waiting: [WatchedChange] = []
        /// `nil` until it is known where to start.
        private var progress: LogProgress?

        init(_ watch: Watch) {
            self.watch = watch
            progress = (watch.basis?.revision ?? watch.after).map { revision in
                LogProgress(after: revision, basis: watch.basis?.position, lineage: watch.basis?.lineage)
            }
        }

        /// - Throws: ``MembusError/refused(_:)`` with ``Refusal/Code/belowFloor`` if what follows the revision is no
        ///   longer kept; ``MembusError/historyChanged(now:)``.
        public mutating func next() async throws -> WatchedChange? {
            while waiting.isEmpty { try await advance() }
            return try await complete(waiting.removeLast())
        }

        /// Reads one page; at the log's end first waits until the signal says that there is more.
        private mutating func advance() async throws {
            let signal = try await listening()
            guard var progress else { return }
            let asked = GetLog(
                branch: watch.branch, filter: try filtered(watch.topics), ascending: true, cursor: progress.cursor,
                basis: progress.basis, limit: 500, values: true)
            let answered = try await patiently { [connection = watch.memory.connection] in
                try await connection.ask(asked, continuing: asked.basis != nil)
            }
            waiting = try progress.take(answered).reversed()
            self.progress = progress
            if waiting.isEmpty, progress.isAtEnd { try await untilChanged(signal, after: progress.cursor.revision) }
        }

        private mutating func listening() async throws -> View {
            if let signal { return signal }
            let made = try await watch.memory.signal(watch.topics, branch: watch.branch)
            signal = made
            if progress == nil {
                progress = LogProgress(after: made.cut.revision, basis: made.cut, lineage: made.token.lineage)
            }
            return made
        }

        private func untilChanged(_ signal: View, after revision: Revision) async throws {
            try await patiently { try await signal.reach(.changed(after: revision), timeout: .seconds(3600)) }
        }

        /// A value that was too large to travel.
        private func complete(_ change: WatchedChange) async throws -> WatchedChange {
            guard change.record.value == nil, !change.record.isDeleted else { return change }
            let at = Position(revision: change.revision, hash: 0)
            let fetched = try await patiently { [watch] in
                try await watch.memory.connection.records([change.key], branch: watch.branch, at: at)
            }
            guard fetched.token.lineage == change.lineage, let record = fetched.records.first else {
                throw MembusError.historyChanged(now: fetched.token.lineage)
            }
            return WatchedChange(record: record, commit: change.commit, lineage: change.lineage)
        }

        /// A broker that is away is waited for: only an answer ends the watch.
        private func patiently<T>(_ body: () async throws -> T) async throws -> T {
            while true {
                do { return try await body() } catch MembusError.timeout {
                    try Task.checkCancellation()
                } catch MembusError.refused(let refusal) where refusal.code.remedy == .retry {
                    try await Task.sleep(for: .milliseconds(200))
                }
            }
        }
    }
}

extension Memory {
    /// Every change to some topics after a revision, in order, each once.
    /// - Parameter revision: exclusive; `nil`: from now on.
    public func watch(_ topics: String..., after revision: Revision? = nil, branch: BranchName? = nil) -> Watch {
        watch(topics, after: revision, branch: branch)
    }
    public func watch(_ topics: [String], after revision: Revision? = nil, branch: BranchName? = nil) -> Watch {
        Watch(memory: self, topics: topics, after: revision, basis: nil, branch: branch ?? self.branch)
    }
    /// Every change after what a token stands for; it is checked that the token is of the broker's history.
    public func watch(_ topics: [String], after token: Token, branch: BranchName? = nil) -> Watch {
        Watch(memory: self, topics: topics, after: nil, basis: token, branch: branch ?? self.branch)
    }

    /// A stream of invalidations without a cache: it only tells that something changed.
    func signal(_ topics: [String], branch: BranchName) async throws -> View {
        let follow = Follow(branch: branch, filter: try filtered(topics), mode: .invalidate, isSignal: true)
        let shared = SharedView(follow: follow, capacity: 0, whenStale: .serve, context: context)
        let view = View(connection: connection, shared: shared, id: try connection.follow(follow, shared))
        try await view.reach(.live, timeout: .seconds(24 * 3600))
        return view
    }
}
