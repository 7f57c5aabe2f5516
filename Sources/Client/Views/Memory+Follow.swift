import FoundationEssentials

extension Memory {
    /// Follows topics: a local, coherent cache of their records. Returns once it is complete.
    /// - Parameters:
    ///   - topics: prefixes ending in `/`, exact keys, or `/` for everything.
    ///   - mode: whether values travel along, or only the news that they changed.
    ///   - capacity: bytes that the cache may use. An update view over it keeps values back and fetches them
    ///     when read; an invalidate view drops what was not read lately.
    ///   - whenStale: what reads do while the view cannot vouch for its state.
    ///   - branch: `nil`: the connection's.
    ///   - context: what its reads are recorded with; `nil`: the connection's.
    ///   - warm: a file written by ``View/save(to:)``: the view reads at once from it and catches up.
    ///     Returns without waiting for the broker then.
    ///   - timeout: until the view is complete; `nil`: the connection's.
    /// - Throws: ``MembusError/overCapacity(_:needed:capacity:)`` if the keys alone exceed `capacity`.
    public func follow(
        _ topics: String..., mode: StreamMode = .update, capacity: Int = 256 << 20, whenStale: WhenStale = .serve,
        branch: BranchName? = nil, context: String? = nil, warm: URL? = nil, timeout: Duration? = nil
    ) async throws -> View {
        try await follow(
            topics, mode: mode, capacity: capacity, whenStale: whenStale, branch: branch, context: context, warm: warm,
            timeout: timeout)
    }

    /// The same for topics in an array.
    public func follow(
        _ topics: [String], mode: StreamMode = .update, capacity: Int = 256 << 20, whenStale: WhenStale = .serve,
        branch: BranchName? = nil, context: String? = nil, warm: URL? = nil, timeout: Duration? = nil
    ) async throws -> View {
        let file = try warm.map { try WarmFile(reading: $0) }
        let filter = try topics.isEmpty ? file?.filter ?? filtered(topics) : filtered(topics)
        var follow = Follow(branch: branch ?? self.branch, filter: filter, mode: mode, start: nil)
        if let warm, let file {
            try file.check(fits: follow, at: warm)
            if let lineage = await connection.lineage() { try file.check(isOf: lineage, at: warm) }
            follow.start = file.token
        }
        let shared = SharedView(
            follow: follow, capacity: capacity, whenStale: whenStale, context: context ?? self.context, warm: file)
        let view = View(connection: connection, shared: shared, id: try connection.follow(follow, shared))
        if file == nil { try await view.reach(.live, timeout: timeout) }
        return view
    }
}

extension Connection {
    /// The broker's history; `nil` if it does not answer just now.
    func lineage() async -> Lineage? { try? await ask(Ping(nonce: 0), timeout: .seconds(2)).lineage }
}
