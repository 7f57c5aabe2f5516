import Foundation
import Membus
import MembusDocuments

@testable import MembusCommand

func key(_ text: String) -> Key { Key(unchecked: text) }

/// What a document is read as.
func document(_ text: String) throws -> TransactionDocument { try TransactionDocument.read(Data(text.utf8)).get() }

/// What is wrong with a document; `nil` if nothing is.
func fault(_ text: String) -> String? {
    if case .failure(let error) = TransactionDocument.read(Data(text.utf8)) { return error.description }
    return nil
}

/// A file that lives as long as the test that made it.
final class TemporaryFile: Sendable {
    let path: String
    init(_ text: String) throws {
        path = FileManager.default.temporaryDirectory.path + "/membus-\(UUID().uuidString).jsonl"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}
