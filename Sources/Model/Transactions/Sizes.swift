// What transactions weigh, in bytes: exactly, where limits are held against it, and about, where room is made for it.

extension Change {
    /// What it counts for in a transaction's size.
    package var bytes: Int {
        let content =
            switch action {
            case .put(let put): put.value.count + put.annotationBytes
            case .append(let data), .mergePatch(let data): data.count
            case .delete, .increment: 8
            }
        return key.text.utf8.count + content
    }
}

extension Put {
    /// Of kind, attributes and links together.
    var annotationBytes: Int {
        var bytes = kind.name.utf8.count
        for (name, value) in attributes { bytes += name.utf8.count + value.utf8.count }
        for link in links { bytes += link.relation.utf8.count + link.target.text.utf8.count }
        return bytes
    }
}

extension Work {
    /// About what it takes in a request, and in memory while it waits.
    package var requestBytes: Int {
        guard case .transaction(let transaction) = self else { return 128 }
        return 128 + transaction.preconditions.count * 64 + transaction.changes.reduce(0) { $0 + $1.requestBytes }
    }
}

extension Change {
    package var requestBytes: Int { 64 + bytes }
}
