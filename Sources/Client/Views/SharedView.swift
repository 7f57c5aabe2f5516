import MembusBus

/// A view's state between the driver's thread, which moves it, and everybody who reads it.
final class SharedView: Sendable {
    let follow: Follow
    let whenStale: WhenStale
    private let reading: Lock<Reading>
    private let listeners = Lock<[WeakListener]>([])

    private struct WeakListener: Sendable {
        weak let listener: ChangeListener?
    }

    init(
        follow: Follow, capacity: Int, whenStale: WhenStale, context: String, warm: WarmFile? = nil,
        in environment: ViewEnvironment = ViewEnvironment()
    ) {
        self.follow = follow
        self.whenStale = whenStale
        reading = Lock(
            Reading(
                follow: follow, capacity: capacity, whenStale: whenStale, context: context, warm: warm, in: environment
            ))
    }

    // MARK: Reading

    /// - Parameter reader: the number of the context that it is read in, of this and all that follow; 1: the view's own.
    func record(_ text: String, by reader: UInt32 = 1) throws(MembusError) -> Record? {
        try reading.withLock { reading throws(MembusError) in
            reading.reader = reader
            return try reading.record(text)
        }
    }
    @inline(__always)
    func record(slot: Int, _ key: Key, by reader: UInt32 = 1) throws(MembusError) -> Record? {
        try reading.withLock { reading throws(MembusError) in
            reading.reader = reader
            return try reading.record(slot: slot, key)
        }
    }
    /// The record and, beside it, what tells its version from any other that the view ever shows.
    @inline(__always)
    func held(
        bytes: UnsafeBufferPointer<UInt8>, by reader: UInt32 = 1
    ) throws(MembusError) -> (Record, HeldVersion)? {
        try reading.withLock { reading throws(MembusError) in
            reading.reader = reader
            return try reading.record(bytes: bytes).map { ($0, HeldVersion($0, reading.resets)) }
        }
    }
    @inline(__always)
    func held(slot: Int, _ key: Key, by reader: UInt32 = 1) throws(MembusError) -> (Record, HeldVersion)? {
        try reading.withLock { reading throws(MembusError) in
            reading.reader = reader
            return try reading.record(slot: slot, key).map { ($0, HeldVersion($0, reading.resets)) }
        }
    }
    func read<T: Sendable>(by reader: UInt32 = 1, _ body: (inout Reading) throws -> T) throws -> T {
        try reading.withLock { reading in
            reading.reader = reader
            return try body(&reading)
        }
    }
    func snapshot(by reader: UInt32 = 1) throws(MembusError) -> Snapshot {
        try reading.withLock { reading throws(MembusError) in
            reading.reader = reader
            return try reading.snapshot()
        }
    }
    /// The number of a context.
    func reader(in context: String) -> UInt32 { reading.withLock { $0.number(of: context) } }
    func digest() throws(MembusError) -> (at: Position, digest: StateDigest) {
        try reading.withLock { reading throws(MembusError) in try reading.digest() }
    }
    func warmFile() throws(MembusError) -> WarmFile {
        try reading.withLock { reading throws(MembusError) in try reading.warmFile() }
    }
    func hold(_ key: Key) -> Int? { reading.withLock { $0.hold(key) } }
    func release(_ slot: Int) { reading.withLock { $0.release(slot) } }
    var token: Token { reading.withLock { $0.token } }
    var resets: Int { reading.withLock { $0.resets } }
    var count: Int { reading.withLock { $0.count } }
    var capped: (stripped: Int, evicted: Int) { reading.withLock { $0.capped } }
    var state: ViewState { reading.withLock { $0.state } }
    /// All of one moment.
    var standing: (state: ViewState, token: Token, count: Int) {
        reading.withLock { ($0.state, $0.token, $0.count) }
    }
    func digested() throws(MembusError) -> (token: Token, digest: StateDigest) {
        try reading.withLock { reading throws(MembusError) in (reading.token, try reading.digest().digest) }
    }
    /// Why the view can never be read, if so.
    var failure: MembusError? { reading.withLock { $0.failure } }
    /// Whether a read that can wait has to.
    var mustWait: Bool { whenStale == .wait && reading.withLock { $0.isStale } }

    // MARK: Misses

    func take(_ keys: [Key], by reader: UInt32 = 1) throws(MembusError) -> (found: [Record], missing: Misses) {
        try reading.withLock { reading throws(MembusError) in
            reading.reader = reader
            return try reading.take(keys)
        }
    }
    func fill(_ records: [Record], _ misses: Misses, by reader: UInt32 = 1) {
        reading.withLock { reading in
            reading.reader = reader
            reading.fill(records, misses)
        }
    }
    func abandon(_ misses: Misses) { reading.withLock { $0.abandon(misses) } }

    // MARK: Changes

    func openFeed() -> Int { reading.withLock { $0.openFeed() } }
    func closeFeed(_ feed: Int) { reading.withLock { $0.closeFeed(feed) } }
    func news(_ feed: Int, by reader: UInt32 = 1) -> [ViewChanges.Element] {
        reading.withLock { reading in
            reading.reader = reader
            return reading.hasNews(feed) ? reading.news(feed) : []
        }
    }

    func add(_ listener: ChangeListener) {
        listeners.withLock { listeners in
            listeners.removeAll { $0.listener == nil }
            listeners.append(WeakListener(listener: listener))
        }
        if case .closed = state { listener.close() }
    }

    private var listening: [ChangeListener] {
        listeners.withLock { $0.isEmpty ? [] : $0.compactMap(\.listener) }
    }

    // MARK: The driver's side

    func apply(_ output: ViewOutput, of lineage: Lineage?) {
        reading.withLock { $0.apply(output, of: lineage) }
        switch output {
        case .apply, .install, .catchUp, .reset: for listener in listening { listener.tell() }
        default: break
        }
    }

    /// How the connection stands, which is why the view stands as it does.
    func hear(_ link: LinkState) { reading.withLock { $0.hear(link) } }

    func takeNotes() -> TakenReads { reading.withLock { $0.takeNotes() } }

    /// - Returns: whether it was open.
    @discardableResult
    func close() -> Bool {
        let wasOpen = reading.withLock { $0.close() }
        for listener in listening { listener.close() }
        return wasOpen
    }
}
