import MembusModel

/// Which keys topics hold, by the keys' numbers: found once, and carried along as keys come.
struct Scopes {
    private var known: [(filter: TopicFilter, keys: [Bool])] = []
    private static let most = 16

    /// `nil`: all of them.
    mutating func keys(in filter: TopicFilter, _ columns: Columns) -> [Bool]? {
        if filter.topics.contains(where: \.isEverything) { return nil }
        var entry: (filter: TopicFilter, keys: [Bool]) = (filter, [])
        if let index = known.firstIndex(where: { $0.filter == filter }) { entry = known.remove(at: index) }
        let topics = filter.topics.map { (bytes: Array($0.text.utf8), isPrefix: $0.isPrefix) }
        for key in entry.keys.count..<columns.keyCount {
            entry.keys.append(
                columns.withKey(UInt32(key)) { name in
                    topics.contains { $0.isPrefix ? name.starts(with: $0.bytes) : name.elementsEqual($0.bytes) }
                })
        }
        known.append(entry)
        if known.count > Self.most { known.removeFirst() }
        return entry.keys
    }
}
