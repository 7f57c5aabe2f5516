/// What one request may hold. A broker's configuration may lower or raise all but the longest key.
package struct Limits: Hashable, Sendable {
    /// No configuration admits longer keys, in bytes.
    package static let longestKey = 1024
    /// Keys, changes, preconditions, reads, links and whatever else a request repeats, all together: no configuration
    /// admits more, since each takes many times its bytes while it is decoded.
    package static let mostParts = 1 << 18
    /// No configuration admits larger transactions, in bytes: SQLite takes less than 1 GB for one value or one row.
    package static let largestTransaction = 1 << 29

    package var keyBytes: Int = 1024
    package var valueBytes: Int = 4 << 20
    package var changesPerTransaction: Int = 1000
    package var transactionBytes: Int = 16 << 20
    /// Keys that a merge, a rollback or a revert writes, decides or names, unless transactions may change more.
    package static let mergedKeys = 10_000
    /// The bytes that it writes.
    package static let mergedBytes = 64 << 20
    /// Of a record's attributes, links and kind together.
    package var annotationBytes: Int = 64 << 10
    /// Of a commit's message, and of agent and context names.
    package var messageBytes: Int = 16 << 10
    package var nameBytes: Int = 256
    /// Keys in a multi-get, topics in a filter, streams named by a request.
    package var keysPerRequest: Int = 10_000
    package var topicsPerFilter: Int = 256

    package init() {}

    /// No configuration admits more: for what one's own side wrote under limits that are no longer known.
    package static var highest: Limits {
        var limits = Limits()
        (limits.keyBytes, limits.valueBytes, limits.transactionBytes) = (
            longestKey, largestTransaction, largestTransaction
        )
        (limits.annotationBytes, limits.messageBytes, limits.nameBytes) = (
            largestTransaction, largestTransaction, largestTransaction
        )
        (limits.changesPerTransaction, limits.keysPerRequest, limits.topicsPerFilter) = (
            mostParts, mostParts, mostParts
        )
        return limits
    }
}
