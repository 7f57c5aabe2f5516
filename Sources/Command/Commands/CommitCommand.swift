import ArgumentParser
import FoundationEssentials
import Glibc
import Membus
import MembusDocuments
import MembusSystem

struct CommitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commit",
        abstract: "Commit a transaction: many changes, all or nothing.",
        discussion: """
            Reads one JSON object from FILE, or from standard input for -. Every field may be left out, but \
            for the keys; unknown fields are refused.

              {
                "branch": "main", "context": "trip-42", "message": "book the train",
                "preconditions": [
                  {"at": {"key": "plans/paris", "revision": 3}},
                  {"absent": "tasks/7"},
                  {"unchanged": {"topic": "plans/", "since": 3}}
                ],
                "changes": [
                  {"key": "plans/paris", "put": {
                     "value": "night train", "kind": "text", "attributes": {"by": "ada"},
                     "links": [{"relation": "of", "target": "trips/42"}], "expires_after_ms": 3600000}},
                  {"key": "plans/old", "delete": true},
                  {"key": "plans/paris/cost", "increment": 120},
                  {"key": "plans/paris/notes", "append": "booked\\n"},
                  {"key": "people/ada", "merge_patch": {"city": "Paris", "phone": null}}
                ],
                "reads": [{"key": "people/ada", "version": 2}]
              }

            preconditions: a key's newest version is of a revision; a key has no record; no key of a topic \
            changed after a revision. If one fails nothing is written, and the command exits with 3 and tells \
            for each key that failed its current revision and value.
            put: "value" is the value as it stands if it is a string (of a json record too: its text); \
            anything else is JSON and makes the kind json. "value_base64" holds bytes. "expires_at_ms", \
            milliseconds since 1970 and yet to come, may stand for "expires_after_ms".
            branch, context and message go before what the environment says; an option that says something \
            else is refused.
            increment (kind counter), append (text) and merge_patch (json, RFC 7396) are merged by the broker \
            and never conflict; a missing record starts from 0, the empty text, the empty object.
            reads: what the changes build upon: recorded, not checked.

              echo '{"changes": [{"key": "visits", "increment": 1}]}' | membus commit -
            """)

    @Argument(
        help: ArgumentHelp("The file with the transaction; - for standard input.", valueName: "file"),
        completion: .file(extensions: ["json"]), transform: InputPath.read)
    var file: InputPath

    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let document = try read()
        try agree(document)
        try document.checkMoments(now: .now, in: name)
        let transaction = document.transaction(
            branch: options.branchName, context: write.contextName, message: write.message)
        let receipt = try await options.withMemory { try await $0.submit(transaction) }
        if !receipt.isCommitted, !options.json {
            return try Output.standard.line("nothing to commit; the preconditions hold at revision \(receipt.revision)")
        }
        try options.printReceipt(receipt, branch: transaction.branch)
    }

    private var name: String { file.name }

    /// What is said twice must be the same: a transaction must not land where nobody meant it to.
    private func agree(_ document: TransactionDocument) throws {
        for (field, inFile, option) in [
            ("branch", document.branch?.text, options.branch?.text), ("context", document.context, write.context),
            ("message", document.message, write.message.isEmpty ? nil : write.message),
        ] {
            guard let inFile, let option, !inFile.utf8.elementsEqual(option.utf8) else { continue }
            throw CommandError(
                "USAGE", "\(name): \(field): the file says \"\(inFile)\", --\(field) \"\(option)\"",
                hint: "say it in one place; nothing was written", .usage)
        }
    }

    private func read() throws -> TransactionDocument {
        let data =
            switch file {
            case .standardInput: try StandardInput.read()
            case .file(let place): try LocalFile.read(place.path, atMost: TransactionDocument.largest)
            }
        switch TransactionDocument.read(data) {
        case .success(let document): return document
        case .failure(let fault):
            throw CommandError(
                "MALFORMED", "\(name): \(fault)", hint: "see membus help commit; nothing was written", .usage)
        }
    }
}

enum LocalFile {
    /// Up front, where a command would else fail half-way, and less plainly.
    static func refuseDirectory(_ path: String) throws {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory else { return }
        throw CommandError("FILE", "\(path) is a directory", hint: "name a file")
    }

    static func read(_ path: String, atMost limit: Int) throws -> Data {
        try refuseDirectory(path)
        let data: Data
        do throws(FileError) { data = try ReadableFile(path).readAll(atMost: limit + 1) } catch {
            throw CommandError("FILE", "\(path) \(error.problem)", hint: "check the path and its permissions")
        }
        guard data.count <= limit else {
            throw CommandError("FILE", "\(path) is larger than \(Human.bytes(Int64(limit)))", hint: "split it")
        }
        return data
    }
}
