import FoundationEssentials
import Glibc
import MembusMCP
import MembusSystem

/// What an import reads, from its start as often as it has to: a file, or a copy of standard input. The copy has no name, so
/// that nothing of it is left however the process ends.
final class ImportSource: Sendable {
    /// As errors name it.
    let name: String
    /// What commits and records tell.
    let shortName: String
    let size: Int64
    private let descriptor: Int32

    convenience init(_ input: InputPath) throws {
        switch input {
        case .standardInput: try self.init(copying: StandardInput.self)
        case .file(let place): try self.init(file: place.path)
        }
    }

    /// - Throws: ``CommandError`` if `path` is not a file that can be read twice.
    init(file path: String) throws {
        name = path
        shortName = FilePlace.name(of: path)
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
            size = 0
            throw CommandError(
                "FILE", "\(path) cannot be read: \(String(cString: strerror(errno)))",
                hint: "check the path and its permissions")
        }
        size = Int64(status.st_size)
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CommandError(
                "FILE", "\(path) is not a regular file", hint: "an import reads it twice: write it to a file first")
        }
    }

    private convenience init(copying input: StandardInput.Type) throws {
        try self.init("standard input", "standard input") { write in
            try StandardInput.pieces { piece in
                try write(piece)
                return true
            }
        }
    }

    /// What the reference memory server's file means, as lines of records.
    convenience init(mcpMemory source: ImportSource) throws {
        try self.init(source.name, source.shortName) { write in
            var reader = LineReader(source)
            while let line = try reader.next() {
                // Lines keep their numbers.
                var bytes = Array("\n".utf8)
                if !line.isBlank {
                    switch GraphLine.record(line.bytes) {
                    case .success(let record): bytes = Array((record.line + "\n").utf8)
                    case .failure(let error):
                        throw CommandError(
                            "FILE", "\(source.name): line \(line.number): \(error)",
                            hint: "correct the line; nothing was written", .usage)
                    }
                }
                try bytes.withUnsafeBytes { try write($0) }
            }
        }
    }

    /// A copy without a name.
    private init(
        _ name: String, _ shortName: String, _ fill: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
    ) throws {
        (self.name, self.shortName) = (name, shortName)
        let directory = FileManager.default.temporaryDirectory.path
        do throws(FileError) { descriptor = try PrivateFile.openUnnamed(in: directory) } catch {
            (size, descriptor) = (0, -1)
            throw Self.full(name, directory, error.problem)
        }
        var copied: Int64 = 0
        let target = descriptor
        try fill { piece in
            var rest = piece
            while !rest.isEmpty {
                let count = Glibc.write(target, rest.baseAddress, rest.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw Self.full(name, directory, String(cString: strerror(errno))) }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
                copied += Int64(count)
            }
        }
        size = copied
    }

    private static func full(_ name: String, _ directory: String, _ why: String) -> CommandError {
        CommandError(
            "FILE", "\(name) cannot be copied to \(directory): \(why)",
            hint: "check it and the free space there, or set TMPDIR to another directory")
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// - Returns: what is there, at most so many bytes; nothing at the end.
    func read(_ most: Int, at offset: Int64) throws -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: most)
        while true {
            let count = pread(descriptor, &chunk, most, off_t(offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw CommandError(
                    "FILE", "\(name) cannot be read: \(String(cString: strerror(errno)))", hint: "check the disk")
            }
            chunk.removeLast(most - count)
            return chunk
        }
    }
}
