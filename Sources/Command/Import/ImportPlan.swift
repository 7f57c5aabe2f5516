import Crypto
import Glibc
import Membus
import MembusDocuments

/// What a file holds, found by reading it once from end to end before anything is written: so a malformed
/// line stops an import that has not begun.
struct ImportPlan: Sendable {
    enum Content: String, Sendable { case records, transactions }

    let content: Content
    /// That are not blank.
    let lines: Int64
    let bytes: Int64
    /// SHA-256 of the lines, in hexadecimal: the import's identity.
    let fingerprint: String
    /// The last line of each key that more than one line has: the earlier ones are left out, so that the
    /// second run of an import finds what the first one left.
    let lastLines: [Key: Int]

    init(checking source: ImportSource) throws {
        var reader = LineReader(source)
        var hasher = SHA256()
        var content: Content?
        var lines: Int64 = 0
        var seen: Set<Int> = []
        var lastLines: [Key: Int] = [:]
        while let line = try reader.next() {
            hasher.update(data: line.bytes)
            hasher.update(data: [0x0A])
            guard !line.isBlank else { continue }
            lines += 1
            let this: Content
            switch try Self.read(line, of: source) {
            case .record(let record):
                this = .records
                // Two keys of one hash value only cost an entry.
                if !seen.insert(record.key.hashValue).inserted { lastLines[record.key] = line.number }
            case .transaction:
                this = .transactions
            }
            if let content, content != this {
                throw Self.commandError(
                    source, line.number, "the lines before hold \(content.rawValue), this one does not",
                    hint: "import records and transactions as two files")
            }
            content = this
        }
        self.content = content ?? .records
        self.lines = lines
        bytes = source.size
        fingerprint = hasher.finalize().hexadecimal
        self.lastLines = lastLines
    }

    static func read(_ line: LineReader.Line, of source: ImportSource) throws -> ImportLine {
        switch ImportLine.read(line.bytes) {
        case .success(let read): return read
        case .failure(let fault): throw commandError(source, line.number, fault.description)
        }
    }

    static func commandError(
        _ source: ImportSource, _ line: Int, _ reason: String,
        hint: String = "correct the line; nothing of it was written"
    ) -> CommandError {
        CommandError("MALFORMED_LINE", "\(source.name):\(line): \(reason)", hint: hint, .usage)
    }
}
