import FoundationEssentials

// Cheap checks at the broker's edge, without the store: sizes, names and ranges. What passes them can only
// fail for what the state holds or for what a value contains.

extension Transaction {
    /// Why this can never be executed under these limits; `nil` if it may be.
    package func shapeRefusal(limits: Limits) -> Refusal? {
        if let refusal = limits.refusal(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.refusal(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? limits.refusal(of: changes.count, "changes", most: limits.changesPerTransaction, "changesPerTransaction")
            ?? limits.refusal(of: preconditions.count, "preconditions", most: limits.keysPerRequest, "keysPerRequest")
            ?? limits.refusal(of: reads.count, "reads", most: limits.keysPerRequest, "keysPerRequest")
        {
            return refusal
        }
        var bytes = context.utf8.count + message.utf8.count
        for precondition in preconditions {
            if let refusal = precondition.shapeRefusal(limits: limits) { return refusal }
            bytes += precondition.name.utf8.count
        }
        for read in reads {
            if let refusal = read.shapeRefusal(limits: limits) { return refusal }
            bytes += read.subject.text.utf8.count
        }
        for change in changes {
            if let refusal = change.shapeRefusal(limits: limits) { return refusal }
            bytes += change.bytes
        }
        if bytes > limits.transactionBytes {
            return Refusal(
                .limitExceeded,
                "the transaction has \(bytes) bytes, over the limit transactionBytes of \(limits.transactionBytes)",
                subject: "transactionBytes")
        }
        return doubledKeyRefusal
    }
}

extension Fork {
    /// Why this can never be executed under these limits; `nil` if it may be.
    package func shapeRefusal(limits: Limits) -> Refusal? {
        limits.refusal(ofText: context, "context", most: limits.nameBytes, "nameBytes")
            ?? limits.refusal(ofText: message, "message", most: limits.messageBytes, "messageBytes")
            ?? at.flatMap { negative($0, name.text) }
    }
}

extension Work {
    package func shapeRefusal(limits: Limits) -> Refusal? {
        switch self {
        case .transaction(let transaction): transaction.shapeRefusal(limits: limits)
        case .fork(let fork): fork.shapeRefusal(limits: limits)
        case .merge(let merge): merge.shapeRefusal(limits: limits)
        case .rollback(let rollback): rollback.shapeRefusal(limits: limits)
        case .revert(let revert): revert.shapeRefusal(limits: limits)
        case .pick(let pick): pick.shapeRefusal(limits: limits)
        case .quarantine(let quarantine): quarantine.shapeRefusal(limits: limits)
        case .branch(let change): change.shapeRefusal(limits: limits)
        case .tag(let change): change.shapeRefusal(limits: limits)
        }
    }
}

extension ReadVersion {
    package func shapeRefusal(limits: Limits) -> Refusal? {
        let text = subject.text
        let name =
            switch subject {
            case .key(let key): limits.refusal(ofKey: key)
            case .topic: limits.refusal(ofText: text, "topic", most: limits.keyBytes, "keyBytes")
            }
        return name ?? negative(version, text) ?? negative(cut, text)
    }
}

extension Precondition {
    var name: String {
        switch self {
        case .at(let key, _), .absent(let key): key.text
        case .unchanged(let topic, _): topic.text
        case .sound: ""
        }
    }

    fileprivate func shapeRefusal(limits: Limits) -> Refusal? {
        switch self {
        case .at(let key, let revision): limits.refusal(ofKey: key) ?? negative(revision, key.text)
        case .absent(let key): limits.refusal(ofKey: key)
        case .unchanged(let topic, let since):
            limits.refusal(ofText: topic.text, "topic", most: limits.keyBytes, "keyBytes")
                ?? negative(since, topic.text)
        case .sound: nil
        }
    }
}

extension Change {
    fileprivate func shapeRefusal(limits: Limits) -> Refusal? {
        if let refusal = limits.refusal(ofKey: key) { return refusal }
        return switch action {
        case .put(let put): put.shapeRefusal(key: key, limits: limits)
        case .append(let data), .mergePatch(let data): limits.refusal(valueOf: data.count, under: key)
        case .delete, .increment: nil
        }
    }
}

extension Put {
    func shapeRefusal(key: Key, limits: Limits) -> Refusal? {
        if let refusal = limits.refusal(valueOf: value.count, under: key)
            ?? limits.refusal(ofName: kind.name, "kind", key: key)
        {
            return refusal
        }
        // In order, so that the same transaction is refused with the same words on any machine.
        for (name, _) in attributes {
            if let refusal = limits.refusal(ofName: name, "attribute's name", key: key) { return refusal }
        }
        if let name = attributes.reservedName {
            return Refusal(
                .invalidArgument,
                "key \"\(key)\": attribute \"\(name.escapingControlCharacters)\" is the broker's own",
                hint: "choose a name that does not begin with \"\(Attributes.reserved)\"", subject: key.text)
        }
        for link in links {
            if let refusal = limits.refusal(ofName: link.relation, "relation", key: key)
                ?? limits.refusal(ofKey: link.target)
            {
                return refusal
            }
        }
        let size = annotationBytes
        if size > limits.annotationBytes {
            return Refusal(
                .limitExceeded,
                "key \"\(key)\": kind, attributes and links have \(size) bytes, over the limit annotationBytes of \(limits.annotationBytes)",
                hint: Limits.shorten("annotationBytes"), subject: key.text)
        }
        return vectorsRefusal(key: key, limits: limits) ?? expiryRefusal(key: key)
    }

    private func vectorsRefusal(key: Key, limits: Limits) -> Refusal? {
        if vectors.isEmpty { return nil }
        if vectors.encoded.count > limits.valueBytes {
            return Refusal(
                .limitExceeded,
                "key \"\(key)\": its vectors have \(vectors.encoded.count) bytes, over the limit valueBytes of \(limits.valueBytes)",
                hint: "send fewer or shorter vectors, or raise valueBytes in the broker's configuration",
                subject: key.text)
        }
        guard let fault = vectors.fault else { return nil }
        return Refusal(.invalidArgument, "key \"\(key)\": \(fault.what)", hint: fault.hint, subject: key.text)
    }

    private func expiryRefusal(key: Key) -> Refusal? {
        switch expiry {
        case .after(let duration) where duration <= .zero:
            Refusal(
                .invalidArgument, "key \"\(key)\" would expire after \(duration), which is not after now",
                subject: key.text)
        case .at(let time) where time.milliseconds <= 0:
            Refusal(.invalidArgument, "key \"\(key)\" would expire before 1970", subject: key.text)
        default: nil
        }
    }
}

extension Limits {
    /// What to do about something that can't be split.
    package static func shorten(_ limit: String) -> String {
        limit == "keyBytes" ? "shorten it" : "shorten it, or raise limits.\(limit) in the broker's configuration"
    }

    package func refusal(valueOf size: Int, under key: Key) -> Refusal? {
        guard size > valueBytes else { return nil }
        return Refusal(
            .limitExceeded,
            "key \"\(key)\" would have a value of \(size) bytes, over the limit valueBytes of \(valueBytes)",
            subject: key.text)
    }

    func refusal(ofKey key: Key) -> Refusal? {
        refusal(ofText: key.text, "key", most: keyBytes, "keyBytes")
    }

    func refusal(ofName name: String, _ what: String, key: Key) -> Refusal? {
        if name.isEmpty { return Refusal(.invalidArgument, "key \"\(key)\": the \(what) is empty", subject: key.text) }
        return refusal(ofText: name, what, most: nameBytes, "nameBytes")
    }

    func refusal(ofText text: String, _ what: String, most: Int, _ limit: String) -> Refusal? {
        let size = text.utf8.count
        guard size > most else { return nil }
        return Refusal(
            .limitExceeded,
            "the \(what) \"\(String(text.unicodeScalars.prefix(40)).escapingControlCharacters)…\" has \(size) bytes, over the limit \(limit) of \(most)",
            hint: Self.shorten(limit), subject: limit)
    }

    func refusal(of count: Int, _ what: String, most: Int, _ limit: String) -> Refusal? {
        guard count > most else { return nil }
        return Refusal(
            .limitExceeded, "the transaction has \(count) \(what), over the limit \(limit) of \(most)", subject: limit)
    }
}

func negative(_ revision: Revision, _ subject: String) -> Refusal? {
    guard revision < 0 else { return nil }
    return Refusal(.invalidArgument, "\"\(subject)\": revision \(revision) is negative", subject: subject)
}
