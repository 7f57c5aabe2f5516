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
        let following = try Following(
            topics, branch: branch ?? self.branch, mode: mode, capacity: capacity, whenStale: whenStale,
            context: context ?? self.context, warm: warm)
        if following.isWarm {
            // A broker that does not answer just now says nothing against the file.
            try following.check(try? await connection.ask(Following.question, timeout: Following.patience).lineage)
        }
        let view = try following.view(on: connection)
        if !following.isWarm { try await view.reach(.live, timeout: timeout) }
        return view
    }
}

/// What is to be followed, and from where.
struct Following: Sendable {
    private let follow: Follow
    private let capacity: Int
    private let whenStale: WhenStale
    private let context: String
    private let warm: (file: WarmFile, url: URL)?

    /// Which history the broker holds, any reply tells.
    static let question = Ping(nonce: 0)
    static let patience: Duration = .seconds(2)

    /// - Throws: also if the warm file cannot be read, or is of something else.
    init(
        _ topics: [String], branch: BranchName, mode: StreamMode, capacity: Int, whenStale: WhenStale, context: String,
        warm: URL?
    ) throws {
        let file = try warm.map { try WarmFile(reading: $0) }
        let filter = try topics.isEmpty ? file?.filter ?? filtered(topics) : filtered(topics)
        var follow = Follow(branch: branch, filter: filter, mode: mode, start: nil)
        if let warm, let file {
            try file.check(fits: follow, at: warm)
            follow.start = file.token
            self.warm = (file, warm)
        } else {
            self.warm = nil
        }
        self.follow = follow
        self.capacity = capacity
        self.whenStale = whenStale
        self.context = context
    }

    var isWarm: Bool { warm != nil }

    /// - Parameter lineage: the broker's; `nil`: it is not known.
    func check(_ lineage: Lineage?) throws(MembusError) {
        if let lineage, let warm { try warm.file.check(isOf: lineage, at: warm.url) }
    }

    func view(on connection: Connection) throws -> View {
        let shared = SharedView(
            follow: follow, capacity: capacity, whenStale: whenStale, context: context, warm: warm?.file)
        return View(connection: connection, shared: shared, id: try connection.follow(follow, shared))
    }
}
