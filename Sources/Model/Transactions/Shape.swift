import Foundation

// Cheap checks at the broker's edge, without the store: sizes, names and ranges. What passes them can only
// fail for what the state holds or for what a value contains.

extension Transaction {
    /// Why this can never be executed under these limits; `nil` if it may be.
    public func shapeFailure(limits: Limits) -> Failure? {
        if let failure = limits.failure(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.failure(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? limits.failure(of: changes.count, "changes", most: limits.changesPerTransaction, "changesPerTransaction")
            ?? limits.failure(of: preconditions.count, "preconditions", most: limits.keysPerRequest, "keysPerRequest")
            ?? limits.failure(of: reads.count, "reads", most: limits.keysPerRequest, "keysPerRequest")
        {
            return failure
        }
        var bytes = context.utf8.count + message.utf8.count
        for precondition in preconditions {
            if let failure = precondition.shapeFailure(limits: limits) { return failure }
            bytes += precondition.name.utf8.count
        }
        for read in reads {
            if let failure = limits.failure(ofKey: read.key) ?? negative(read.version, read.key.text) { return failure }
            bytes += read.key.text.utf8.count
        }
        for change in changes {
            if let failure = change.shapeFailure(limits: limits) { return failure }
            bytes += change.bytes
        }
        if bytes > limits.transactionBytes {
            return Failure(
                .limitExceeded,
                "the transaction has \(bytes) bytes, over the limit transactionBytes of \(limits.transactionBytes)",
                subject: "transactionBytes")
        }
        return doubledKeyFailure
    }
}

extension Fork {
    /// Why this can never be executed under these limits; `nil` if it may be.
    public func shapeFailure(limits: Limits) -> Failure? {
        limits.failure(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.failure(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? at.flatMap { negative($0, name.text) }
    }
}

extension Work {
    public func shapeFailure(limits: Limits) -> Failure? {
        switch self {
        case .transaction(let transaction): transaction.shapeFailure(limits: limits)
        case .fork(let fork): fork.shapeFailure(limits: limits)
        }
    }
}

extension Precondition {
    var name: String {
        switch self {
        case .at(let key, _), .absent(let key): key.text
        case .unchanged(let topic, _): topic.text
        }
    }

    fileprivate func shapeFailure(limits: Limits) -> Failure? {
        switch self {
        case .at(let key, let revision): limits.failure(ofKey: key) ?? negative(revision, key.text)
        case .absent(let key): limits.failure(ofKey: key)
        case .unchanged(let topic, let since):
            limits.failure(ofText: topic.text, "topic", most: limits.keyBytes, "keyBytes") ?? negative(since, topic.text)
        }
    }
}

extension Change {
    /// What it counts for in a transaction's size.
    var bytes: Int {
        let content =
            switch action {
            case .put(let put): put.value.count + put.annotationBytes
            case .append(let data), .mergePatch(let data): data.count
            case .delete, .increment: 8
            }
        return key.text.utf8.count + content
    }

    fileprivate func shapeFailure(limits: Limits) -> Failure? {
        if let failure = limits.failure(ofKey: key) { return failure }
        return switch action {
        case .put(let put): put.shapeFailure(key: key, limits: limits)
        case .append(let data), .mergePatch(let data): limits.failure(valueOf: data.count, under: key)
        case .delete, .increment: nil
        }
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

    fileprivate func shapeFailure(key: Key, limits: Limits) -> Failure? {
        if let failure = limits.failure(valueOf: value.count, under: key)
            ?? limits.failure(ofName: kind.name, "kind", key: key)
        {
            return failure
        }
        // Sorted, so that the same transaction is refused with the same words on any machine.
        for name in attributes.count > 1 ? attributes.keys.sorted() : Array(attributes.keys) {
            if let failure = limits.failure(ofName: name, "attribute's name", key: key) { return failure }
        }
        for link in links {
            if let failure = limits.failure(ofName: link.relation, "relation", key: key)
                ?? limits.failure(ofKey: link.target)
            {
                return failure
            }
        }
        let size = annotationBytes
        if size > limits.annotationBytes {
            return Failure(
                .limitExceeded,
                "key \"\(key)\": kind, attributes and links have \(size) bytes, over the limit annotationBytes of \(limits.annotationBytes)",
                hint: Limits.shorten("annotationBytes"), subject: key.text)
        }
        return expiryFailure(key: key)
    }

    private func expiryFailure(key: Key) -> Failure? {
        switch expiry {
        case .after(let duration) where duration <= .zero:
            Failure(.invalidArgument, "key \"\(key)\" would expire after \(duration), which is not after now", subject: key.text)
        case .at(let time) where time.milliseconds <= 0:
            Failure(.invalidArgument, "key \"\(key)\" would expire before 1970", subject: key.text)
        default: nil
        }
    }
}

extension Limits {
    /// What to do about something that can't be split.
    public static func shorten(_ limit: String) -> String {
        limit == "keyBytes" ? "shorten it" : "shorten it, or raise limits.\(limit) in the broker's configuration"
    }

    func failure(valueOf size: Int, under key: Key) -> Failure? {
        guard size > valueBytes else { return nil }
        return Failure(
            .limitExceeded, "key \"\(key)\" would have a value of \(size) bytes, over the limit valueBytes of \(valueBytes)",
            subject: key.text)
    }

    fileprivate func failure(ofKey key: Key) -> Failure? {
        failure(ofText: key.text, "key", most: keyBytes, "keyBytes")
    }

    fileprivate func failure(ofName name: String, _ what: String, key: Key) -> Failure? {
        if name.isEmpty { return Failure(.invalidArgument, "key \"\(key)\": the \(what) is empty", subject: key.text) }
        return failure(ofText: name, what, most: nameBytes, "nameBytes")
    }

    fileprivate func failure(ofText text: String, _ what: String, most: Int, _ limit: String) -> Failure? {
        let size = text.utf8.count
        guard size > most else { return nil }
        return Failure(
            .limitExceeded,
            "the \(what) \"\(String(text.unicodeScalars.prefix(40)).escapingControlCharacters)…\" has \(size) bytes, over the limit \(limit) of \(most)",
            hint: Self.shorten(limit), subject: limit)
    }

    fileprivate func failure(of count: Int, _ what: String, most: Int, _ limit: String) -> Failure? {
        guard count > most else { return nil }
        return Failure(
            .limitExceeded, "the transaction has \(count) \(what), over the limit \(limit) of \(most)", subject: limit)
    }
}

private func negative(_ revision: Revision, _ subject: String) -> Failure? {
    guard revision < 0 else { return nil }
    return Failure(.invalidArgument, "\"\(subject)\": revision \(revision) is negative", subject: subject)
}
