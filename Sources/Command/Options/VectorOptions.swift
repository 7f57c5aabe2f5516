import ArgumentParser
import FoundationEssentials
import Membus
import MembusDocuments
import MembusSystem

/// A vector that a question brings.
struct VectorOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Rank by the vectors that agents sent along in this space, compared with --vector.", valueName: "name"))
    var space: String?

    @Option(
        help: ArgumentHelp(
            "The question's, by the model of that space: [0.1, 0.2, ...], or a file that holds it.",
            valueName: "numbers"),
        completion: .file())
    var vector: String?

    func validate() throws {
        if (space == nil) != (vector == nil) { throw ValidationError("--space and --vector go together.") }
        if space == "" { throw ValidationError("--space needs a name.") }
    }

    /// `nil`: none is brought.
    var question: QuestionVector? {
        get throws {
            guard let space, let vector else { return nil }
            let isWritten = vector.first { !$0.isWhitespace } == "["
            do throws(JSONError) {
                let node =
                    try isWritten
                    ? JSONNode.document(Data(vector.utf8), limit: TransactionDocument.largest) : Self.json(in: vector)
                return QuestionVector(try node.floats(), in: space)
            } catch {
                throw CommandError(
                    "USAGE", "--vector: \(error)",
                    hint: "give an array of numbers, or the path of a file that holds one",
                    .usage)
            }
        }
    }

    /// Of a value, as a file holds them.
    static func vectors(in path: String) throws -> Vectors {
        let hint = #"name a file that holds {"mine": [[0.1, 0.2]]}: spaces by name, each with one vector or several"#
        do throws(JSONError) {
            let vectors = try ChangeDocument.vectors(json(in: path))
            if vectors.isEmpty { throw JSONError(path: path, reason: "holds no vectors") }
            return vectors
        } catch {
            throw CommandError("USAGE", "--vectors: \(error)", hint: hint, .usage)
        }
    }

    /// - Throws: also if the file can't be read.
    static func json(in path: String) throws(JSONError) -> JSONNode {
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: path)) } catch {
            throw JSONError(path: path, reason: "can't be read")
        }
        return try JSONNode.document(data, limit: TransactionDocument.largest)
    }
}
