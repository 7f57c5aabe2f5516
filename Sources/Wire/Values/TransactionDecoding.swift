import FoundationEssentials
import MembusModel

// What a session is asked to do. A refusal in here is the work's, not the request's: it takes its turn like
// any other outcome. Sizes are left to the model's own checks of a transaction's shape.

extension Fork {
    init(_ message: PBFork) throws(Refusal) {
        if message.name.isEmpty {
            throw Refusal(.invalidName, "fork.name: \(InvalidName(.branch, "", "is empty"))")
        }
        self.init(
            name: try Parse.branch(message.name, "fork.name"), parent: try Parse.branch(message.parent, "fork.parent"),
            at: message.hasAt ? try Parse.revision(message.at, "fork.at") : nil, expires: message.expire,
            context: message.context, message: message.message)
    }
}

extension Transaction {
    init(_ message: PBTransaction) throws(Refusal) {
        var preconditions: [Precondition] = []
        preconditions.reserveCapacity(message.preconditions.count)
        for (index, precondition) in message.preconditions.enumerated() {
            preconditions.append(try Precondition(precondition, "preconditions[\(index)]"))
        }
        var changes: [Change] = []
        changes.reserveCapacity(message.changes.count)
        for (index, change) in message.changes.enumerated() { changes.append(try Change(change, "changes[\(index)]")) }
        var reads: [ReadVersion] = []
        reads.reserveCapacity(message.reads.count)
        for (index, read) in message.reads.enumerated() {
            reads.append(
                ReadVersion(
                    try Parse.subject(key: read.key, topic: read.topic, "reads[\(index)]"),
                    version: try Parse.revision(read.version, "reads[\(index)].version"),
                    on: read.branch.isEmpty ? nil : try Parse.branch(read.branch, "reads[\(index)].branch"),
                    cut: try Parse.revision(read.cut, "reads[\(index)].cut"), isOwn: !read.before))
        }
        self.init(
            branch: try Parse.branch(message.branch, "branch"), context: message.context, message: message.message,
            preconditions: preconditions, changes: changes, reads: reads)
    }
}

extension Precondition {
    init(_ message: PBPrecondition, _ field: @autoclosure Field) throws(Refusal) {
        switch message.kind {
        case .at(let at):
            self = .at(
                try Parse.key(at.key, "\(field()).at.key"), try Parse.revision(at.revision, "\(field()).at.revision"))
        case .absent(let name): self = .absent(try Parse.key(name, "\(field()).absent"))
        case .unchanged(let unchanged):
            self = .unchanged(
                try Parse.topic(unchanged.topic, "\(field()).unchanged.topic"),
                since: try Parse.revision(unchanged.since, "\(field()).unchanged.since"))
        case .sound: self = .sound
        case nil:
            // Not to be passed over: the agent relies on it.
            throw Refusal(.invalidArgument, "\(field()): it is of no kind that this broker knows", subject: field())
        }
    }
}

extension Change {
    init(_ message: PBChange, _ field: @autoclosure Field) throws(Refusal) {
        let name = try Parse.key(message.key, "\(field()).key")
        switch message.action {
        case .put(let put): self.init(name, .put(try Put(put, "\(field()).put")))
        case .delete: self.init(name, .delete)
        case .increment(let amount): self.init(name, .increment(amount))
        case .append(let text): self.init(name, .append(text))
        case .mergePatch(let patch): self.init(name, .mergePatch(patch))
        case nil:
            throw Refusal(
                .invalidArgument, "\(field()): no action that this broker knows for key \"\(name)\"", subject: name.text
            )
        }
    }
}

extension Put {
    /// 10^15 ms are 31,688 years: no moment so far away overflows.
    private static let farthest: Int64 = 1_000_000_000_000_000

    init(_ message: PBPut, _ field: @autoclosure Field) throws(Refusal) {
        var links: [Link] = []
        links.reserveCapacity(message.links.count)
        for (index, link) in message.links.enumerated() {
            links.append(
                Link(relation: link.relation, target: try Parse.key(link.target, "\(field()).links[\(index)].target")))
        }
        let expiry: Expiry
        switch message.expiry {
        case .expiresAfterMs(let time):
            expiry = .after(.milliseconds(try Self.time(time, "\(field()).expires_after_ms")))
        case .expiresAtMs(let time):
            expiry = .at(Timestamp(milliseconds: try Self.time(time, "\(field()).expires_at_ms")))
        case nil: expiry = .never
        }
        self.init(
            message.value, kind: message.kind.isEmpty ? .text : Kind(message.kind),
            attributes: Attributes(message.attributes.lazy.map { (key: $0.name, value: $0.value) }),
            links: links, expiry: expiry, vectors: try Self.vectors(message.vectors, "\(field()).vectors"))
    }

    private static func vectors(_ messages: [PBSpaceVectors], _ field: @autoclosure Field) throws(Refusal) -> Vectors {
        if messages.isEmpty { return .none }
        var spaces: [Vectors.Space] = []
        for (index, message) in messages.enumerated() {
            let space = Vectors.Space(
                message.space, dimensions: Int(message.dimensions), values: message.values)
            let isDoubled = spaces.contains { $0.name.hasSameBytes(as: space.name) }
            if let fault = space.fault ?? (isDoubled ? space.doubled : nil) {
                throw Refusal(
                    .invalidArgument, "\(field())[\(index)]: \(fault.what)", hint: fault.hint, subject: "vectors")
            }
            spaces.append(space)
        }
        return Vectors(spaces)
    }

    private static func time(_ milliseconds: Int64, _ field: @autoclosure Field) throws(Refusal) -> Int64 {
        if (1...farthest).contains(milliseconds) { return milliseconds }
        throw Refusal(
            .invalidArgument, "\(field()): \(milliseconds) is not in 1...\(farthest)",
            hint: "name a time to come in milliseconds, or leave it out", subject: field())
    }
}

extension Vectors.Space {
    fileprivate var doubled: VectorsFault {
        VectorsFault(
            "space \"\(name.escapingControlCharacters)\" comes twice", hint: "send all vectors of a space together")
    }
}
