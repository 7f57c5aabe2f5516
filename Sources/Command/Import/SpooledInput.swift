import Foundation

/// Standard input in a file of its own, as an import reads what it imports twice.
struct SpooledInput {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/membus-import-\(UUID().uuidString).jsonl"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.commandError(path) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            while let piece = try FileHandle.standardInput.read(upToCount: 1 << 20), !piece.isEmpty {
                try file.write(contentsOf: piece)
            }
        } catch {
            remove()
            throw Self.commandError(path)
        }
    }

    func remove() { _ = unlink(path) }

    private static func commandError(_ path: String) -> CommandError {
        CommandError(
            "FILE", "standard input cannot be copied to \(path)",
            hint: "check it and the free space there, or set TMPDIR to another directory")
    }
}
