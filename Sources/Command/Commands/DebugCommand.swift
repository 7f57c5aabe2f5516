import ArgumentParser
import Membus
import MembusDocuments

struct DebugCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "debug", abstract: "Look closer.", subcommands: [DigestCommand.self])

    func run() async throws { throw NoCommand(help: Root.helpMessage(for: DebugCommand.self)) }
}

struct DigestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "digest",
        abstract: "Compare the broker's state with that of a fresh view.",
        discussion: """
            Follows the topics, and compares the fingerprint of what the view holds with that of the broker's \
            records at the same revision. Exits with 0 if they are equal; else names the first key that \
            differs, and exits with 1.

              membus debug digest
              membus debug digest plans/ people/ada
            """)

    @Argument(
        help: ArgumentHelp("Prefixes ending in /, or keys. (default: everything)", valueName: "topic"),
        transform: { try Topic($0) })
    var topics: [Topic] = []

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let names = topics.isEmpty ? ["/"] : topics.map(\.text)
        let comparison = try await options.withMemory { try await DigestComparison.make($0, names) }
        try comparison.show(options.json, on: .standard)
        if let difference = comparison.difference {
            var commandError = CommandError(
                "DIGESTS_DIFFER", "view and broker differ at revision \(comparison.at.revision): \(difference)",
                hint: "keep the broker's log and report it: this must never happen")
            commandError.isToldInJSON = true
            throw commandError
        }
    }
}

struct DigestComparison: Sendable {
    let at: Position
    let broker: StateDigest
    let view: StateDigest
    /// The first key that differs; `nil` if the digests are equal.
    let difference: Difference?

    struct Difference: Hashable, Sendable, CustomStringConvertible {
        let key: Key
        /// The versions' revisions; `nil`: no record.
        let broker: Revision?
        let view: Revision?
        var description: String {
            func told(_ revision: Revision?) -> String { revision.map { "has revision \($0)" } ?? "has no record" }
            return "\(key): the broker \(told(broker)), the view \(told(view))"
        }
    }

    static func make(_ memory: Memory, _ topics: [String]) async throws -> DigestComparison {
        let view = try await memory.follow(topics, capacity: 1 << 40)
        defer { view.close() }
        let (at, own) = try view.digest()
        // The view may move on; what it is compared with is what the digest was of.
        let snapshot = try view.records
        let told = try await memory.digest(topics, at: at.revision)
        guard told.digest != own || told.at != at else {
            return DigestComparison(at: at, broker: told.digest, view: own, difference: nil)
        }
        var records: [Record] = []
        for try await record in memory.range(topics, at: snapshot.revision, keysOnly: true) { records.append(record) }
        let difference =
            first(records, snapshot.records)
            ?? Difference(key: Key(unchecked: "(none)"), broker: told.at.revision, view: at.revision)
        return DigestComparison(at: at, broker: told.digest, view: own, difference: difference)
    }

    /// The first key that has not the same version in both; both in the order of their keys.
    static func first(_ broker: [Record], _ view: [Record]) -> Difference? {
        var (a, b) = (broker[...], view[...])
        while let left = a.first, let right = b.first {
            if left.key < right.key { return Difference(key: left.key, broker: left.revision, view: nil) }
            if right.key < left.key { return Difference(key: right.key, broker: nil, view: right.revision) }
            if left.revision != right.revision {
                return Difference(key: left.key, broker: left.revision, view: right.revision)
            }
            a = a.dropFirst()
            b = b.dropFirst()
        }
        if let left = a.first { return Difference(key: left.key, broker: left.revision, view: nil) }
        return b.first.map { Difference(key: $0.key, broker: nil, view: $0.revision) }
    }

    func show(_ asJSON: Bool, on output: Output) throws {
        let isEqual = difference == nil
        guard asJSON else {
            try output.line(
                "broker  \(broker.bytes.hexadecimal)  \(broker.count) \(Human.noun(Int64(broker.count), "records")) at revision \(at.revision)"
            )
            try output.line(
                "view    \(view.bytes.hexadecimal)  \(view.count) \(Human.noun(Int64(view.count), "records"))")
            return try output.line(isEqual ? output.style.green("equal") : output.style.red("different"))
        }
        var told: JSONValue = [
            "at": .position(at), "count": .integer(broker.count), "digest": .string(broker.bytes.hexadecimal),
            "view_digest": .string(view.bytes.hexadecimal), "equal": .bool(isEqual),
        ]
        if let difference {
            told =
                told + [
                    "differs": [
                        "key": .string(difference.key.text), "broker": difference.broker.map { .integer($0) } ?? .null,
                        "view": difference.view.map { .integer($0) } ?? .null,
                    ]
                ]
        }
        try output.line(told)
    }
}
