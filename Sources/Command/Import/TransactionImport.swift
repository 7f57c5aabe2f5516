import Foundation
import Membus
import MembusDocuments

/// Commits a file's transactions, one by one and in order. Each also writes how far the import has got into
/// the record `imports/<the file's SHA-256>`, in the same commit: so that a second run goes on after the
/// last line that was committed, and increments are not added twice. Two runs at once cannot both take a
/// line: each requires the record as it left it.
struct TransactionImport {
    let source: ImportSource
    let plan: ImportPlan
    let memory: Memory
    let message: String
    let progress: Progress

    private var marker: Key { Key(unchecked: "imports/\(plan.fingerprint)") }

    init(_ source: ImportSource, _ plan: ImportPlan, _ memory: Memory, message: String, progress: Progress) {
        self.source = source
        self.plan = plan
        self.memory = memory
        self.message = message
        self.progress = progress
    }

    func run() async throws -> ImportResult {
        var result = ImportResult()
        let mark = try await memory.get(marker.text)
        let reached = try mark.map(line) ?? 0
        var revision = mark?.revision
        var reader = LineReader(source)
        while let line = try reader.next() {
            guard !line.isBlank else { continue }
            result.lines += 1
            if line.number <= reached {
                result.unchanged += 1
            } else {
                revision = try await commit(line, after: revision)
                result.revision = revision ?? 0
                result.written += 1
            }
            let (done, end, isSkipped) = (result.lines, line.end, line.number <= reached)
            progress.update {
                $0.done = done
                $0.bytes = end
                if isSkipped { ($0.skipped, $0.skippedBytes) = (done, end) }
            }
        }
        return result
    }

    private func commit(_ line: LineReader.Line, after revision: Revision?) async throws -> Revision {
        guard case .transaction(let document) = try ImportPlan.read(line, of: source) else {
            throw ImportPlan.commandError(
                source, line.number, "the file changed while it was being read", hint: "import it again")
        }
        if let branch = document.branch, branch != memory.branch {
            throw ImportPlan.commandError(
                source, line.number, "branch: the line is for branch \(branch), the import for \(memory.branch)",
                hint: "import the lines of each branch as a file of their own, with --branch")
        }
        var transaction = document.transaction(branch: memory.branch, context: memory.context, message: message)
        transaction.preconditions.append(revision.map { .at(marker, $0) } ?? .absent(marker))
        transaction.changes.append(Change(marker, .put(mark(at: line.number))))
        do {
            return try await memory.submit(transaction).revision
        } catch MembusError.conflict(let failed, let position) where failed.contains(where: { $0.key == marker }) {
            throw conflict(
                failed, position, line, "another import of this file is under way",
                hint: "let that one finish")
        } catch MembusError.conflict(let failed, let position) {
            throw conflict(
                failed, position, line, Human.conflict(failed, "nothing of this line was written"), hint: goesOn)
        } catch {
            var commandError = CommandError(error)
            commandError.message = "\(source.name):\(line.number): \(commandError.message)"
            commandError.hint += (commandError.hint.isEmpty ? "" : "; ") + goesOn
            throw commandError
        }
    }

    private var goesOn: String { "the lines before it are committed; a second run goes on at this line" }

    private func conflict(
        _ failed: [FailedPrecondition], _ position: Position, _ line: LineReader.Line, _ message: String, hint: String
    ) -> CommandError {
        let place: JSONValue = ["file": .string(source.name), "line": JSONValue(line.number), "hint": .string(hint)]
        return CommandError(
            "CONFLICT", "\(source.name):\(line.number): \(message)", hint: hint, .conflict,
            json: .conflict(failed, at: position) + place)
    }

    private func mark(at line: Int) -> Put {
        let value: JSONValue = ["line": JSONValue(line), "file": .string(source.shortName)]
        return Put(Data(value.line.utf8), kind: .json)
    }

    private func line(_ record: Record) throws -> Int {
        do throws(JSONError) {
            var fields = try JSONNode.document(record.value ?? Data(), limit: 1 << 16).fields()
            return Int(clamping: try fields.need("line").integer())
        } catch {
            throw CommandError(
                "IMPORT", "\(marker) does not say how far the import has got: \(error)",
                hint: "remove the record to import the file from its start")
        }
    }
}
