import Glibc
import Membus
import MembusDocuments
import MembusSystem

/// Puts a file's records, a batch a commit, leaving out those that are there already: a run that was
/// interrupted is resumed, and a finished one repeated, by running it again.
struct RecordImport {
    let source: ImportSource
    let plan: ImportPlan
    let memory: Memory
    let message: String
    let progress: Progress
    /// Records in a batch, and bytes, as the broker's limits allow; a larger record goes alone, for the broker to judge.
    private let mostRecords: Int
    private let mostBytes: Int

    /// More would keep others waiting.
    static let usualBytes = 2 << 20

    private var batch: [ImportedRecord] = []
    private var batchBytes = 0
    private(set) var result = ImportResult()

    init(
        _ source: ImportSource, _ plan: ImportPlan, _ memory: Memory, limits: Limits, message: String, batchSize: Int,
        progress: Progress
    ) {
        self.source = source
        self.plan = plan
        self.memory = memory
        self.message = message
        mostRecords = max(1, min(batchSize, limits.changesPerTransaction))
        mostBytes = min(
            Self.usualBytes, limits.transactionBytes - message.utf8.count - memory.context.utf8.count)
        self.progress = progress
    }

    mutating func run() async throws -> ImportResult {
        var reader = LineReader(source)
        while let line = try reader.next() {
            guard !line.isBlank else { continue }
            guard case .record(let record) = try ImportPlan.read(line, of: source) else {
                throw ImportPlan.commandError(
                    source, line.number, "the file changed while it was being read", hint: "import it again")
            }
            try await add(record, line.number)
            let (records, end) = (result.lines, line.end)
            progress.update {
                $0.done = records
                $0.bytes = end
            }
        }
        try await write()
        return result
    }

    private mutating func add(_ record: ImportedRecord, _ line: Int) async throws {
        result.lines += 1
        if let last = plan.lastLines[record.key], last != line {
            result.superseded += 1
            return
        }
        if record.isExpired(at: .now) {
            result.expired += 1
            return
        }
        if batch.count == mostRecords || batchBytes + record.bytes > mostBytes { try await write() }
        batch.append(record)
        batchBytes += record.bytes
    }

    /// One request for what is there, one commit for what differs.
    private mutating func write() async throws {
        guard !batch.isEmpty else { return }
        let present = try await memory.get(batch.map(\.key.text))
        let missing = batch.filter { record in present[record.key].map { !record.equals($0) } ?? true }
        result.unchanged += Int64(batch.count - missing.count)
        if !missing.isEmpty {
            let changes = missing.map { Change($0.key, .put($0.put)) }
            let receipt = try await memory.submit(
                Transaction(branch: memory.branch, context: memory.context, message: message, changes: changes))
            result.revision = receipt.revision
            result.written += Int64(missing.count)
        }
        batch = []
        batchBytes = 0
    }
}

/// What an import did.
struct ImportResult: Hashable, Sendable {
    var lines: Int64 = 0
    var written: Int64 = 0
    /// There already.
    var unchanged: Int64 = 0
    /// A later line has the same key.
    var superseded: Int64 = 0
    /// Their time was over.
    var expired: Int64 = 0
    /// Of the last commit; 0 without one.
    var revision: Revision = 0
}
