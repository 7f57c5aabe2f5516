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

    init(connection: Connection, shared: SharedView, id: ViewID) {
        self.connection = connection
        self.shared = shared
        self.id = id
        branch = shared.follow.branch
        topics = shared.follow.filter
        mode = shared.follow.mode
    }

    deinit { close() }

    // MARK: Local reads

    /// The record under a key, from the cache; `nil` if there is none.
    /// - Throws: ``MembusError/stale(_:for:_:noEventsFrom:)`` by the view's policy, ``MembusError/notHere(_:_:)`` if the
    ///   value has to be fetched (use ``get(_:_:timeout:)-(String,_,_)``), ``MembusError/notFollowed(_:_:)``.
    public subscript(key: String) -> Record? {
        get throws(MembusError) { try shared.record(key) }
    }
    public subscript(key: Key) -> Record? {
        get throws(MembusError) { try shared.record(key.text) }
    }

    /// Resolves a key once, for the fastest reads.
    public func handle(_ key: String) -> Handle { handle(Key(unchecked: key)) }
    public func handle(_ key: Key) -> Handle { Handle(shared: shared, key: key) }

    /// Several reads of one state. The view cannot move while `body` runs: keep it short, and read through its
    /// argument alone. Reading the view itself in there would wait for itself for ever.
    public func read<T: Sendable>(_ body: (inout Reading) throws -> T) throws -> T { try shared.read(body) }

    /// All records, in the order of their keys, as of one revision.
    public var records: Snapshot { get throws(MembusError) { try shared.snapshot() } }

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
    public var changes: ViewChanges { ViewChanges(shared: shared) }

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
        if shared.close() { connection.unfollow(id) }
    }
}
