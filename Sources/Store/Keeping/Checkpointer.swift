import MembusModel
import MembusSystem
import Synchronization

/// Checkpoints the write-ahead log, on a thread of its own, so that no commit waits for it.
///
/// SQLite writes the log over from its start at the first commit that finds it checkpointed to its end and read by
/// nobody. While commits go on its end is never reached from beside them. So once a log is too large, and nearly all of
/// it is checkpointed, the writer is asked to checkpoint the rest itself before its next commit (``LogRest``), which
/// takes it a few milliseconds. Nobody ever waits for a reader: one that reads for minutes (a backup, `verify`) lets
/// the log grow.
package final class Checkpointer: Sendable {
    private let connection: Connection
    private let path: String
    private let rest: LogRest
    /// A log with more than this in it, in bytes, is to be started anew.
    package let largest: Int64
    private let lastLeft = Atomic<Int64>(0)

    init(_ connection: Connection, path: String, rest: LogRest, largest: Int64) {
        self.connection = connection
        self.path = path
        self.rest = rest
        self.largest = largest
    }

    /// What the last checkpoint had to leave in the log, since somebody reads what was before, and how much of the log is
    /// in use; in bytes.
    package var state: (left: Int64, bytes: Int64) {
        (lastLeft.load(ordering: .relaxed), rest.bytes.load(ordering: .relaxed))
    }

    /// Where its readers have their locks.
    package var index: String { path + "-shm" }

    /// Call it a few times a second. The log's file keeps its size, as syncing a log that is written over costs less
    /// than one that grows; only one that a long read has left very large is cut, when a moment is found in which
    /// nobody needs it.
    /// - Returns: the log's size in bytes afterwards.
    /// - Throws: ``StoreError``; one that ``StoreError/isFatal`` means the same as from a commit.
    @discardableResult
    package func run() throws(StoreError) -> Int64 {
        let size = ReadableFile.size(of: path + "-wal")
        guard let log = try connection.checkpoint(.passive) else { return size }
        lastLeft.store(log.left, ordering: .relaxed)
        rest.bytes.store(log.bytes, ordering: .relaxed)
        if log.left == 0 { rest.isWrittenBack.store(true, ordering: .relaxed) }
        guard log.left <= largest / 8 else { return size }
        if size > 16 * largest {
            try connection.checkpoint(.truncate)
            return ReadableFile.size(of: path + "-wal")
        }
        if log.bytes > largest, log.left > 0 { rest.isWanted.store(true, ordering: .relaxed) }
        return size
    }
}

/// What the checkpointing thread asks of the writer, and tells it.
final class LogRest: Sendable {
    let isWanted = Atomic<Bool>(false)
    /// How much of the log was in use at the last checkpoint.
    let bytes = Atomic<Int64>(0)
    /// A checkpoint left nothing: unless somebody reads, the log begins anew with the next write.
    let isWrittenBack = Atomic<Bool>(false)

    /// The writer's side, before a transaction. What goes wrong here, short of the file's state being unknown, goes
    /// wrong for the checkpointing thread too, which tells of it.
    func checkpointIfWanted(by connection: Connection) throws(StoreError) {
        guard isWanted.exchange(false, ordering: .relaxed) else { return }
        do throws(StoreError) { try connection.checkpoint(.passive) } catch  where error.isFatal { throw error } catch {
        }
    }
}

extension Connection {
    private static let pageBytes: Int64 = 4096

    /// - Returns: how much of the log is in use, and how much of that is still to be checkpointed, in bytes; `nil` if
    ///   somebody stood in the way.
    @discardableResult
    fileprivate func checkpoint(_ mode: Database.CheckpointMode) throws(StoreError) -> (bytes: Int64, left: Int64)? {
        try perform("checkpointing the write-ahead log") { db in
            do {
                let done = try db.checkpoint(mode)
                return (done.all * Self.pageBytes, (done.all - done.copied) * Self.pageBytes)
            } catch let error as DatabaseError where [.busy, .locked].contains(error.code) {
                return nil
            }
        }
    }
}
