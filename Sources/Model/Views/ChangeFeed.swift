import OrderedCollections

/// What changed since a subscriber last looked: each key once, with its newest change, in the order of their first.
package struct ChangeBatch: Sendable, Equatable {
    package struct Change: Hashable, Sendable {
        package var key: Key
        /// Of the newest change; in a snapshot that no longer has the key, the snapshot's.
        package var revision: Revision
        package var isDeleted: Bool
        package init(key: Key, revision: Revision, isDeleted: Bool) {
            self.key = key
            self.revision = revision
            self.isDeleted = isDeleted
        }
    }
    package var changes: [Change] = []
    /// More changed than is listed: the history is another one, an invalidate stream's snapshot voided
    /// everything, or the subscriber fell too far behind. Read what matters anew.
    package var isPartial = false
    /// The state that the batch leads to.
    package var cut: Position?
}

/// The changes that wait for one subscriber. Bounded: beyond `limit` keys it only knows that there was more.
struct ChangeFeed: Sendable {
    let filter: TopicFilter?
    let limit: Int
    private var changes: OrderedDictionary<Key, ChangeBatch.Change> = [:]
    private var isPartial = false

    init(filter: TopicFilter?, limit: Int) {
        self.filter = filter
        self.limit = limit
    }

    var isEmpty: Bool { changes.isEmpty && !isPartial }

    /// A later change of a key replaces the earlier one and keeps its place, which costs nothing to keep.
    mutating func add(_ change: ChangeBatch.Change) {
        guard filter?.matches(change.key) ?? true else { return }
        if changes[change.key] == nil, changes.count >= limit {
            isPartial = true
            return
        }
        changes[change.key] = change
    }

    mutating func void() {
        changes = [:]
        isPartial = true
    }

    mutating func drain(at cut: Position?) -> ChangeBatch {
        defer {
            changes = [:]
            isPartial = false
        }
        return ChangeBatch(changes: Array(changes.values), isPartial: isPartial, cut: cut)
    }
}

extension ViewCache {
    /// A subscriber to changes, from now on.
    /// - Parameters:
    ///   - filter: `nil`: of all that the view follows.
    ///   - limit: keys that may wait; beyond that the batch is partial.
    package mutating func openFeed(_ filter: TopicFilter? = nil, limit: Int = 100_000) -> Int {
        nextFeed += 1
        feeds[nextFeed] = ChangeFeed(filter: filter, limit: limit)
        return nextFeed
    }

    package mutating func closeFeed(_ feed: Int) { feeds[feed] = nil }
    package func hasChanges(in feed: Int) -> Bool { feeds[feed].map { !$0.isEmpty } ?? false }

    /// - Returns: `nil` if the feed is closed.
    package mutating func drain(_ feed: Int) -> ChangeBatch? { feeds[feed]?.drain(at: cut) }

    mutating func tell(_ key: Key, _ revision: Revision, isDeleted: Bool) {
        guard !feeds.isEmpty else { return }
        let change = ChangeBatch.Change(key: key, revision: revision, isDeleted: isDeleted)
        for id in feeds.keys { feeds[id]?.add(change) }
    }
}
