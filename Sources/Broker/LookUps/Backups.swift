import FoundationEssentials
import Glibc
import MembusModel
import MembusStore
import MembusSystem
import Synchronization

/// Copies of the store that clients read piece by piece.
///
/// The copy is made online by the first request; it is a file beside the store until its reader is done, or
/// has not asked for ten minutes, or the broker ends or starts anew.
final class Backups: Sendable {
    static let pageBytes = 1 << 20
    static let life: Duration = .seconds(600)
    static let most = 4

    private struct Copy {
        var path: String
        var bytes: Int64
        var revision: Revision
        var used: Instant
    }

    private let directory: String
    private let copies = Mutex<[UInt64: Copy]>([:])

    init(in dataDirectory: String) throws {
        directory = dataDirectory + "/backups-under-way"
        try? FileManager.default.removeItem(atPath: directory)
    }

    func page(_ request: Backup, of reader: Reader) throws(Refusal) -> BackupPage {
        guard request.id != 0 else { throw Refusal(.invalidArgument, "a backup's id is drawn at random, and never 0") }
        dropIdle()
        let id = request.id
        let isKnown = copies.withLock { $0[id] != nil }
        // The client draws the id, so that the same request sent again finds the copy that the first one made.
        if !isKnown, request.offset == 0, !request.done {
            try make(id, from: reader)
        }
        guard
            let copy = copies.withLock({ copies in
                copies[id]?.used = .now
                return copies[id]
            })
        else {
            throw Refusal(
                .unknownBackup, "there is no backup \(id) under way: it was done, or not read for ten minutes")
        }
        if request.done {
            drop(id)
            return BackupPage(
                id: id, totalBytes: copy.bytes, offset: copy.bytes, bytes: Data(), revision: copy.revision)
        }
        guard (0...copy.bytes).contains(request.offset) else {
            throw Refusal(.invalidArgument, "offset \(request.offset) is not within the backup's \(copy.bytes) bytes")
        }
        return BackupPage(
            id: id, totalBytes: copy.bytes, offset: request.offset, bytes: try piece(of: copy, at: request.offset),
            revision: copy.revision)
    }

    private func make(_ id: UInt64, from reader: Reader) throws(Refusal) {
        if copies.withLock({ $0.count }) >= Self.most {
            throw Refusal(.busy, "\(Self.most) backups are under way")
        }
        let path = "\(directory)/\(id).db"
        do throws(FileError) { try PrivateFile.makeDirectory(directory) } catch {
            throw Refusal(.storeFailed, "the directory \(directory) \(error.problem)")
        }
        do {
            let position = try reader.backup(to: path)
            let copy = Copy(path: path, bytes: ReadableFile.size(of: path), revision: position.revision, used: .now)
            copies.withLock { $0[id] = copy }
        } catch {
            try? FileManager.default.removeItem(atPath: path)
            var refusal = error.refusal
            refusal.hint =
                error.kind == .diskFull ? "free space on the broker's disk: the copy is made there first" : error.hint
            throw refusal
        }
    }

    private func piece(of copy: Copy, at offset: Int64) throws(Refusal) -> Data {
        do {
            return try ReadableFile(copy.path).read(at: offset, Self.pageBytes)
        } catch {
            throw Refusal(.storeFailed, "the backup can't be read back: \(error.path) \(error.problem)")
        }
    }

    /// Nobody reads them any more.
    func removeAll() {
        copies.withLock { $0 = [:] }
        try? FileManager.default.removeItem(atPath: directory)
    }

    func dropIdle() {
        let now = Instant.now
        let idle = copies.withLock { $0.filter { now - $0.value.used > Self.life }.map(\.key) }
        for id in idle { drop(id) }
    }

    private func drop(_ id: UInt64) {
        if let copy = copies.withLock({ $0.removeValue(forKey: id) }) {
            try? FileManager.default.removeItem(atPath: copy.path)
        }
    }
}
