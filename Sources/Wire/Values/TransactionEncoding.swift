import FoundationEssentials
import MembusModel

extension PBFork {
    init(_ fork: Fork) {
        self.init()
        name = fork.name.text
        parent = fork.parent.text
        if let at = fork.at { self.at = at }
        expire = fork.expires
        context = fork.context
        message = fork.message
    }
}

extension PBTransaction {
    init(_ transaction: Transaction) {
        self.init()
        branch = transaction.branch.text
        context = transaction.context
        message = transaction.message
        preconditions = transaction.preconditions.map(PBPrecondition.init)
        changes = transaction.changes.map(PBChange.init)
        reads = transaction.reads.map { read in
            .with {
                switch read.subject {
                case .key(let key): $0.key = key.text
                case .topic(let topic): $0.topic = topic.text
                }
                $0.version = read.version
                $0.branch = read.branch?.text ?? ""
                $0.cut = read.cut
                $0.before = !read.isOwn
            }
        }
    }
}

extension PBPrecondition {
    init(_ precondition: Precondition) {
        self.init()
        switch precondition {
        case .at(let key, let revision):
            kind = .at(
                .with {
                    $0.key = key.text
                    $0.revision = revision
                })
        case .absent(let key): kind = .absent(key.text)
        case .unchanged(let topic, let since):
            kind = .unchanged(
                .with {
                    $0.topic = topic.text
                    $0.since = since
                })
        case .sound: kind = .sound(true)
        }
    }
}

extension PBChange {
    init(_ change: Change) {
        self.init()
        key = change.key.text
        switch change.action {
        case .put(let put): action = .put(PBPut(put))
        case .delete: action = .delete(PBDelete())
        case .increment(let amount): action = .increment(amount)
        case .append(let text): action = .append(text)
        case .mergePatch(let patch): action = .mergePatch(patch)
        }
    }
}

extension PBPut {
    init(_ put: Put) {
        self.init()
        value = put.value
        kind = put.kind.name
        attributes = put.attributes.map(PBAttribute.init)
        links = put.links.map(PBLink.init)
        vectors = put.vectors.spaces.map { space in
            .with {
                $0.space = space.name
                $0.dimensions = UInt32(clamping: space.dimensions)
                $0.values = space.values
            }
        }
        switch put.expiry {
        case .never: break
        // Whole milliseconds, and never 0, which the broker would refuse, for a time that is positive.
        case .after(let time):
            expiry = .expiresAfterMs(time > .zero ? max(1, time.wholeMilliseconds) : time.wholeMilliseconds)
        case .at(let moment): expiry = .expiresAtMs(moment.milliseconds)
        }
    }
}
