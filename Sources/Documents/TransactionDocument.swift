import FoundationEssentials
import MembusModel

/// A transaction in its JSON form, which `membus commit` and `membus import` read. Names are the protocol's:
///
///     {"branch": "main", "context": "trip-42", "message": "book",
///      "preconditions": [{"at": {"key": "plans/paris", "revision": 3}}, {"absent": "tasks/7"},
///                        {"unchanged": {"topic": "plans/", "since": 3}}],
///      "changes": [{"key": "plans/paris", "put": {"value": "night train", "kind": "text",
///                     "attributes": {"by": "ada"}, "links": [{"relation": "of", "target": "trips/42"}],
///                     "expires_after_ms": 60000, "vectors": {"mine": [[0.1, 0.2]]}}},
///                  {"key": "plans/old", "delete": true},
///                  {"key": "plans/paris/cost", "increment": 120},
///                  {"key": "plans/paris/notes", "append": "booked\n"},
///                  {"key": "people/ada", "merge_patch": {"city": "Paris", "phone": null}}],
///      "reads": [{"key": "people/ada", "version": 2},
///                {"topic": "plans/", "branch": "trial", "cut": 3, "before": true}]}
///
/// Every field but `key` may be left out. Unknown fields are refused: a misspelt precondition must not pass
/// for none. Reading is a pure function of the bytes, which may be any.
package struct TransactionDocument: Hashable, Sendable {
    /// `nil`: the command's.
    package var branch: BranchName?
    package var context: String?
    package var message: String?
    package var preconditions: [Precondition]
    package var changes: [Change]
    package var reads: [ReadVersion]

    /// Room for the largest transaction that a broker takes by default, in base64 or with escapes.
    package static let largest = 96 << 20

    /// The same for what export prints of a broker whose limits are as high as can be, each byte of it escaped: import
    /// reads it back.
    package static let longestLine = 6 * Limits.largestTransaction

    package static func read(_ data: Data) -> Result<TransactionDocument, JSONError> {
        Result { () throws(JSONError) in
            try TransactionDocument(try JSONNode.document(data, limit: largest))
        }
    }

    package init(_ node: JSONNode) throws(JSONError) {
        var fields = try node.fields()
        branch = try fields.take("branch")?.branch()
        context = try fields.take("context")?.string()
        message = try fields.take("message")?.string()
        preconditions = try Self.list(fields.take("preconditions"), Self.precondition)
        changes = try Self.list(fields.take("changes"), ChangeDocument.change)
        reads = try Self.list(fields.take("reads"), Self.read)
        try fields.end()
    }

    package func transaction(branch: BranchName, context: String, message: String) -> Transaction {
        Transaction(
            branch: self.branch ?? branch, context: self.context ?? context, message: self.message ?? message,
            preconditions: preconditions, changes: changes, reads: reads)
    }

    package static func list<T>(
        _ node: JSONNode?, _ element: (JSONNode) throws(JSONError) -> T
    ) throws(JSONError) -> [T] {
        var all: [T] = []
        for child in try node?.elements() ?? [] { all.append(try element(child)) }
        return all
    }

    private static func precondition(_ node: JSONNode) throws(JSONError) -> Precondition {
        var fields = try node.fields()
        var named: [Precondition] = []
        if let at = fields.take("at") { named.append(try Self.at(at)) }
        if let absent = fields.take("absent") { named.append(.absent(try absent.key())) }
        if let unchanged = fields.take("unchanged") { named.append(try Self.unchanged(unchanged)) }
        if let sound = fields.take("sound") {
            guard try sound.bool() else { throw sound.fault("true expected") }
            named.append(.sound)
        }
        try fields.end()
        guard let precondition = named.first, named.count == 1 else {
            throw node.fault("exactly one of at, absent, unchanged, sound expected")
        }
        return precondition
    }

    private static func at(_ node: JSONNode) throws(JSONError) -> Precondition {
        var fields = try node.fields()
        let (key, revision) = (try fields.need("key").key(), try Self.revision(fields.need("revision")))
        try fields.end()
        return .at(key, revision)
    }

    private static func unchanged(_ node: JSONNode) throws(JSONError) -> Precondition {
        var fields = try node.fields()
        let (topic, since) = (try fields.need("topic").topic(), try Self.revision(fields.need("since")))
        try fields.end()
        return .unchanged(topic, since: since)
    }

    private static func read(_ node: JSONNode) throws(JSONError) -> ReadVersion {
        var fields = try node.fields()
        let subject: ReadVersion.Subject
        if let topic = fields.take("topic") {
            subject = .topic(try topic.topic())
        } else {
            subject = .key(try fields.need("key").key())
        }
        var read = ReadVersion(subject)
        if case .key = subject { read.version = try Self.revision(fields.need("version")) }
        read.branch = try fields.take("branch")?.branch()
        read.cut = try fields.take("cut").map(Self.revision) ?? 0
        if let before = fields.take("before") { read.isOwn = try !before.bool() }
        try fields.end()
        return read
    }

    private static func revision(_ node: JSONNode) throws(JSONError) -> Revision {
        let number = try node.integer()
        guard number >= 0 else { throw node.fault("revisions are never negative") }
        return number
    }
}
