import ArgumentParser
import Membus
import MembusDocuments

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Tell how the broker fares.",
        discussion: """
            head is the newest revision, floor the oldest that can still be read. Latencies are those of the \
            last thousand group commits: the disk's sync, and from a transaction's arrival to its reply.

            index is what search, recall and graph answer from: up to which revision, and of how many of its passages the \
            model has a vector. Where it lags, it catches up; with --json index is null for a broker that keeps none.

            log held names whoever keeps the write-ahead log from being written back by reading one state of the store \
            for long: a stopped verify --data, say. The log grows meanwhile. With --json held_log is null while nobody \
            does.

            evicted tells what history went before its age since the broker's start, as records and history took more \
            than retention.bytes, and whose it was: versions, the bytes that they took, by the first segment of their \
            keys. With --json evicted_history is null while nothing went.

            Records are those of branch main, bytes those of their values; segments group them by what stands before \
            the first slash of their keys, owners by who put them, the largest first. They are counted beside the \
            commits, so the revision that they are told of may be a little behind head, and after a start of the \
            broker it takes a while until they are there. With --json all of the 20 largest groups are told, and \
            counts is null until then. Beyond most_names only so many groups are told apart.
            """)

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let status = try await options.withMemory { try await $0.status() }
        guard !options.json else {
            return try Output.standard.line(JSONValue.status(status.figures, status.lineage, status.instance))
        }
        let rows = [("broker", options.brokerURL)] + StatusReport.rows(status, onTerminal: Output.standard.isTerminal)
        let width = rows.map(\.0.count).max() ?? 0
        for (name, value) in rows {
            try Output.standard.line("\(Output.standard.style.dim(Human.padded(name, width)))  \(value)")
        }
    }
}

/// The broker's figures, for people.
enum StatusReport {
    static func rows(_ status: BrokerStatus, onTerminal isTerminal: Bool) -> [(String, String)] {
        let f = status.figures
        return [
            ("software", f.software.escapingControlCharacters),
            ("uptime", Human.duration(f.uptime)),
            ("head", "\(f.head)"),
            ("floor", "\(f.floor)"),
            ("lineage", "\(status.lineage)"),
            ("instance", "\(status.instance)"),
            (
                "waiting",
                "\(Human.plural(f.transactionsWaiting, "transaction")), \(Human.plural(f.readsWaiting, "read"))"
            ),
            (
                "tags",
                "\(f.tags)"
                    + (f.tagsBelowFloor == 0 ? "" : ", \(f.tagsBelowFloor) of them below the floor, holding history")
            ),
            ("streams", "\(f.streams)"),
            ("sessions", "\(f.sessions)"),
            ("commits", "\(f.commits) in \(f.batches) batches, \(f.conflicts) conflicts"),
            ("refused", "\(f.refused), besides \(f.busy) busy and \(f.malformed) malformed"),
            ("events", "\(f.eventsPublished) published, \(f.eventsAnnounced) of them announced only"),
            ("pulls", "\(f.pulls)"),
            ("replies dropped", "\(f.repliesDropped)"),
            ("sync", "\(Human.duration(f.syncMedian)) median, \(Human.duration(f.syncP99)) p99"),
            ("commit", "\(Human.duration(f.commitMedian)) median, \(Human.duration(f.commitP99)) p99"),
            ("store", "\(Human.bytes(f.storeBytes)), write-ahead log \(Human.bytes(f.walBytes))"),
        ] + rows(f.index) + rows(f.heldLog)
            + CountsReport.rows(evicted: f.evictedHistory) { Human.name($0, onTerminal: isTerminal) }
            + CountsReport.rows(f.counts) { Human.name($0, onTerminal: isTerminal) }
    }

    private static func rows(_ index: IndexFigures?) -> [(String, String)] {
        guard let index else { return [] }
        let fault = index.fault.map { "; it does not go on: \($0.escapingControlCharacters)" } ?? ""
        return [("index", "up to revision \(index.revision): \(amounts(index))\(fault)")]
    }

    /// What the index holds.
    static func amounts(_ index: IndexFigures) -> String {
        let embedded = index.model.map {
            " (\(Human.grouped(index.embedded)) embedded by \($0.escapingControlCharacters))"
        }
        let passages = "\(Human.grouped(index.passages)) \(Human.noun(index.passages, "passages"))"
        return "\(Human.grouped(index.versions)) \(Human.noun(index.versions, "versions")), "
            + "\(passages)\(embedded ?? ", no model"), \(Human.bytes(index.bytes))"
    }

    private static func rows(_ held: HeldLog?) -> [(String, String)] {
        guard let held else { return [] }
        let holders = held.holders.map {
            "\($0.name.escapingControlCharacters) (process \($0.process)) for \(Human.duration($0.duration))"
        }
        let who = holders.isEmpty ? "somebody unknown" : holders.joined(separator: ", ")
        return [("log held", "\(Human.bytes(held.bytes)), as one state of the store is being read by \(who)")]
    }
}
