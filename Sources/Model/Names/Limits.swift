/// What one request may hold. A broker's configuration may lower or raise all but the longest key.
public struct Limits: Hashable, Sendable {
    /// No configuration admits longer keys, in bytes.
    public static let longestKey = 1024
    /// Keys, changes, preconditions, reads, links and whatever else a request repeats, all together: no configuration
    /// admits more, since each takes many times its bytes while it is decoded.
    public static let mostParts = 1 << 18
    /// No configuration admits larger transactions, in bytes: SQLite takes less than 1 GB for one value or one row.
    public static let largestTransaction = 1 << 29

    public var keyBytes: Int = 1024
    public var valueBytes: Int = 4 << 20
    public var changesPerTransaction: Int = 1000
    public var transactionBytes: Int = 16 << 20
    /// Of a record's attributes, links and kind together.
    public var annotationBytes: Int = 64 << 10
    /// Of a commit's message, and of agent and context names.
    public var messageBytes: Int = 16 << 10
    public var nameBytes: Int = 256
    /// Keys in a multi-get, topics in a filter, streams named by a request.
    public var keysPerRequest: Int = 10_000
    public var topicsPerFilter: Int = 256

    public init() {}
}
