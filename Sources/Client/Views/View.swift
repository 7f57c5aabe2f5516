import FoundationEssentials

/// A local, coherent cache of the records of some topics on one branch. Every read is of one whole state,
/// and the state never goes back.
public final class View: Sendable {
    public let branch: BranchName
    public let topics: TopicFilter
    public let mode: StreamMode
    let connection: Connection
    let shared: SharedView
    let id: ViewID
    /// The number of the context that this one's reads are of.
    let reader: UInt32
    /// Whose state it shows in another context; `nil`: its own.
    private let source: View?

    init(connection: Connection, shared: SharedView, id: ViewID) {
        self.connection = connection
        self.shared = shared
        self.id = id
        reader = 1
        source = nil
        branch = shared.follow.branch
        topics = shared.follow.filter
        mode = shared.follow.mode
    }

    private init(_ source: View, in context: String) {
        connection = source.connection
        shared = source.shared
        id = source.id
        reader = source.shared.reader(in: context)
        self.source = source
        (branch, topics, mode) = (source.branch, source.topics, source.mode)
    }

    deinit { close() }

    /// The same view, whose reads are recorded with another context: for an agent that does several things at once, which share
    /// a cache. It ends with the view that it was made from; closing it closes nothing else.
    public func context(_ context: String) -> View { View(source ?? self, in: context) }

    // MARK: Local reads

    /// The record under a key, from the cache; `nil` if there is none.
    /// - Throws: ``MembusError/stale(_:for:_:noEventsFrom:)`` by the view's policy, ``MembusError/notHere(_:_:)`` if the
    ///   value has to be fetched (use ``get(_:_:timeout:)-(String,_,_)``), ``MembusError/notFollowed(_:_:)``.
    public subscript(key: String) -> Record? {
        get throws(MembusError) { try shared.record(key, by: reader) }
    }
    public subscript(key: Key) -> Record? {
        get throws(MembusError) { try shared.record(key.text, by: reader) }
    }

    /// Resolves a key once, for the fastest reads.
    public func handle(_ key: String) -> Handle { handle(Key(unchecked: key)) }
    public func handle(_ key: Key) -> Handle { Handle(shared: shared, key: key, reader: reader) }

    /// Several reads of one state. The view cannot move while `body` runs: keep it short, and read through its
    /// argument alone. Reading the view itself in there would wait for itself for ever.
    public func read<T: Sendable>(_ body: (inout Reading) throws -> T) throws -> T { try shared.read(by: reader, body) }

    /// All records, in the order of their keys, as of one revision.
    public var records: Snapshot { get throws(MembusError) { try shared.snapshot(by: reader) } }

    // MARK: Where it stands

    public var state: ViewState { shared.state }
    /// The revision that the view is at.
    public var cut: Position { shared.token.position }
    /// Carries "at least what this view shows" to another agent.
    public var token: Token { shared.token }
    /// Records held.
    public var count: Int { shared.count }
    /// What happens to the view's records: the newest version of each that changed, joined by key for a
    /// reader that is slower than the changes. Every iteration is of its own.
    public var changes: ViewChanges { ViewChanges(shared: shared, reader: reader) }

    /// The fingerprint of the view's state, to be compared with ``Memory/digest(_:at:branch:timeout:)``; of update views.
    public func digest() throws(MembusError) -> (at: Position, digest: StateDigest) { try shared.digest() }

    /// Waits until the view is as fresh as this.
    public func wait(for consistency: Consistency, timeout: Duration? = nil) async throws {
        switch consistency {
        case .cached: return
        case .atLeast(let token): try await reach(.atLeast(token), timeout: timeout)
        case .within(let age): try await reach(.within(age), timeout: timeout)
        case .linearizable: try await reach(.linearizable, timeout: timeout)
        }
    }

    /// Waits until the view is live.
    public func waitUntilLive(timeout: Duration? = nil) async throws { try await reach(.live, timeout: timeout) }

    func reach(_ freshness: Freshness, timeout: Duration?) async throws {
        do { _ = try await connection.perform(.reach(id, freshness), timeout: timeout) } catch {
            throw shared.failure ?? error
        }
        if let failure = shared.failure { throw failure }
    }

    /// Writes the state as a warm file: atomically, so that a reader finds the old one or the new one.
    public func save(to file: URL) throws { try shared.warmFile().write(to: file) }

    /// Stops following. Reads throw ``MembusError/closed`` from then on.
    public func close() {
        if source == nil, shared.close() { connection.unfollow(id) }
    }
}
