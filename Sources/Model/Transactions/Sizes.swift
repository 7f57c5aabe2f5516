import FoundationEssentials

// What transactions weigh, in bytes: exactly, where limits are held against it, and about, where room is made for it.

extension Change {
    /// What it counts for in a transaction's size.
    package var bytes: Int {
        let content =
            switch action {
            case .put(let put): put.value.count + put.annotationBytes + put.vectors.encoded.count
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

extension MergedContent {
    /// Of kind, attributes and links together.
    package var annotationBytes: Int { Put(Data(), kind: kind, attributes: attributes, links: links).annotationBytes }
}

extension Work {
    /// About what it takes in a request, and in memory while it waits.
    package var requestBytes: Int {
        switch self {
        case .transaction(let transaction):
            128 + transaction.preconditions.count * 64 + transaction.changes.reduce(0) { $0 + $1.requestBytes }
        case .fork, .rollback, .branch, .tag: 128
        case .merge(let merge): 128 + merge.resolutions.bytes
        case .revert(let revert): 128 + revert.namingBytes + revert.resolutions.bytes
        case .pick(let pick): 128 + 8 * pick.revisions.count + pick.resolutions.bytes
        case .quarantine(let quarantine): 128 + quarantine.namingBytes
        }
    }
}

extension NamingVersions {
    fileprivate var namingBytes: Int {
        8 * (revisions.count + (cascade?.excluded.count ?? 0))
            + versions.reduce(0) { $0 + 64 + $1.key.text.utf8.count }
    }
}

extension [Resolution] {
    var bytes: Int {
        reduce(0) { sum, resolution in
            var bytes = 64 + resolution.key.text.utf8.count
            if case .put(let put) = resolution.choice {
                bytes += put.value.count + put.annotationBytes + put.vectors.encoded.count
            }
            return sum + bytes
        }
    }
}

extension Change {
    package var requestBytes: Int { 64 + bytes }
}
