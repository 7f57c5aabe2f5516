import FoundationEssentials
import Glibc
import Membus
import MembusDocuments
import MembusModel

// Commits a file's transactions, one by one and in order. How far the import has got stands in the record
// `imports/<the file's SHA-256>`, the mark, so that a second run goes on after the last line that was committed, and
// increments are not added twice. Two runs at once cannot both take a line: each requires the mark as it left it.
//
//   a line that leaves room for it   commits the new mark, too: both or neither
//   one that fills the limits        mark "begun N" ─▶ the line, if the mark is still that ─▶ mark "line N"
//
// A run that finds a line begun commits the mark as it is once more. After that nobody can commit the line any more, and
// whether somebody has stands in the history between the two marks.

struct TransactionImport {
    let source: ImportSource
    let plan: ImportPlan
    let memory: Memory
    let limits: Limits
    let message: String
    let progress: Progress

    /// The mark's revision; `nil`: there is none.
    private var marked: Revision?
    private var mark = Mark()

    /// How far the import has got.
    private struct Mark {
        var line = 0
        /// Of which it is not known whether it was committed.
        var begun: Int?
    }

    /// No room is so small that two files would share it.
    private var key: Key {
        Key(unchecked: "imports/" + plan.fingerprint.prefix(max(16, limits.keyBytes - "imports/".utf8.count)))
    }

    init(
        _ source: ImportSource, _ plan: ImportPlan, _ memory: Memory, limits: Limits, message: String,
        progress: Progress
    ) {
        self.source = source
        self.plan = plan
        self.memory = memory
        self.limits = limits
        self.message = message
        self.progress = progress
    }

    mutating func run() async throws -> ImportResult {
        var result = ImportResult()
        let found = try await memory.get(key.text)
        (mark, marked) = (try found.map(read) ?? Mark(), found?.revision)
        let reached = mark.line
        var reader = LineReader(source)
        while let line = try reader.next() {
            guard !line.isBlank else { continue }
            result.lines += 1
            var isDone = line.number <= reached
            if !isDone { isDone = try await isSettled(line) }
            if isDone {
                result.unchanged += 1
            } else {
                try await commit(line)
                result.revision = marked ?? 0
                result.written += 1
            }
            let (done, end, isSkipped) = (result.lines, line.end, isDone)
            progress.update {
                $0.done = done
                $0.bytes = end
                if isSkipped { ($0.skipped, $0.skippedBytes) = (done, end) }
            }
        }
        return result
    }

    private func transaction(_ line: LineReader.Line) throws -> Transaction {
        guard case .transaction(let document) = try ImportPlan.read(line, of: source) else {
            throw ImportPlan.commandError(
                source, line.number, "the file changed while it was being read", hint: "import it again")
        }
        if let branch = document.branch, branch != memory.branch {
            throw ImportPlan.commandError(
                source, line.number, "branch: the line is for branch \(branch), the import for \(memory.branch)",
                hint: "import the lines of each branch as a file of their own, with --branch")
        }
        return document.transaction(branch: memory.branch, context: memory.context, message: message)
    }

    // MARK: Committing

    private mutating func commit(_ line: LineReader.Line) async throws {
        let transaction = try transaction(line)
        let next = Mark(line: line.number)
        let both = marking(next, with: transaction)
        do {
            if both.shapeRefusal(limits: limits) == nil {
                marked = try await memory.submit(both).revision
            } else {
                try await commitBetweenMarks(transaction, next)
            }
        } catch {
            throw told(error, line)
        }
        mark = next
    }

    private mutating func commitBetweenMarks(_ transaction: Transaction, _ next: Mark) async throws {
        var alone = transaction
        alone.preconditions.append(stands)
        // What is refused without the mark, too, is not begun.
        if let refusal = alone.shapeRefusal(limits: limits) { throw refusal }
        try await write(Mark(line: mark.line, begun: next.line))
        alone.preconditions[alone.preconditions.count - 1] = stands
        _ = try await memory.submit(alone)
        try await write(next)
    }

    /// The mark is as this run left it.
    private var stands: Precondition { marked.map { .at(key, $0) } ?? .absent(key) }

    private func marking(_ mark: Mark, with transaction: Transaction) -> Transaction {
        var both = transaction
        both.preconditions.append(stands)
        both.changes.append(Change(key, .put(written(mark))))
        return both
    }

    private mutating func write(_ mark: Mark) async throws {
        let alone = Transaction(branch: memory.branch, context: memory.context, message: message)
        marked = try await memory.submit(marking(mark, with: alone)).revision
        self.mark = mark
    }

    // MARK: A line that was begun

    /// Whether the line was committed by a run that did not get to say so.
    private mutating func isSettled(_ line: LineReader.Line) async throws -> Bool {
        guard mark.begun == line.number, let begun = marked else { return false }
        let transaction = try transaction(line)
        do {
            try await write(mark)
            guard let marked, try await isCommitted(transaction, begun..<marked) else { return false }
            try await write(Mark(line: line.number))
            return true
        } catch {
            throw told(error, line)
        }
    }

    /// By what it changed, and what it said.
    private func isCommitted(_ transaction: Transaction, _ span: Range<Revision>) async throws -> Bool {
        guard let first = transaction.changes.first else { return false }
        for try await commit in try memory.log([first.key.text], branch: memory.branch) {
            let info = commit.info
            if info.revision <= span.lowerBound { return false }
            guard info.revision < span.upperBound, info.message.hasSameBytes(as: transaction.message),
                info.context.hasSameBytes(as: transaction.context)
            else { continue }
            let there = try await memory.get(transaction.changes.map(\.key.text), at: info.revision)
            let isThis = transaction.changes.allSatisfy { change in
                if case .delete = change.action { return there[change.key] == nil }
                return there[change.key]?.revision == info.revision
            }
            if isThis { return true }
        }
        // The log ends where history was dropped: then this is refused, as nobody can tell any more.
        _ = try await memory.get(key.text, at: span.lowerBound)
        return false
    }

    // MARK: What is told

    private func told(_ error: any Error, _ line: LineReader.Line) -> any Error {
        switch error {
        case MembusError.conflict(let failed, let position) where failed.contains(where: { $0.key == key }):
            return conflict(
                failed, position, line, "another import of this file is under way", hint: "let that one finish")
        case MembusError.conflict(let failed, let position):
            return conflict(
                failed, position, line, Human.conflict(failed, "nothing of this line was written"), hint: goesOn)
        default:
            var commandError = CommandError(error)
            if commandError.isSilent { return error }
            commandError.message = "\(source.name):\(line.number): \(commandError.message)"
            commandError.hint += (commandError.hint.isEmpty ? "" : "; ") + goesOn
            return commandError
        }
    }

    private var goesOn: String { "the lines before it are committed; a second run goes on at this line" }

    private func conflict(
        _ failed: [FailedPrecondition], _ position: Position, _ line: LineReader.Line, _ message: String, hint: String
    ) -> CommandError {
        let place: JSONValue = [
            "file": .string(source.name), "line": JSONValue(line.number), "hint": .string(hint),
        ]
        return CommandError(
            "CONFLICT", "\(source.name):\(line.number): \(message)", hint: hint, .conflict,
            json: .conflict(failed, at: position) + place)
    }

    // MARK: The record

    private func written(_ mark: Mark) -> Put {
        var value: JSONValue = ["line": JSONValue(mark.line)]
        if let begun = mark.begun { value = value + ["begun": JSONValue(begun)] }
        let full = value + ["file": .string(source.shortName)]
        // The name is for people, where there is room for it.
        let text = full.line.utf8.count <= limits.valueBytes ? full : value
        return Put(Data(text.line.utf8), kind: .json)
    }

    private func read(_ record: Record) throws -> Mark {
        do throws(JSONError) {
            var fields = try JSONNode.document(record.value ?? Data(), limit: 1 << 16).fields()
            return Mark(
                line: Int(clamping: try fields.need("line").integer()),
                begun: try fields.take("begun").map { (node) throws(JSONError) in Int(clamping: try node.integer()) })
        } catch {
            throw CommandError(
                "IMPORT", "\(key) does not say how far the import has got: \(error)",
                hint: "remove the record to import the file from its start")
        }
    }
}
