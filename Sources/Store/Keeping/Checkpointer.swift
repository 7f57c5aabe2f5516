import GRDB
import MembusModel

/// Folds the write-ahead log into the file, on a thread of its own, so that no commit waits for it.
public final class Checkpointer: Sendable {
    private let connection: Connection
    private let path: String
    /// A log with more than this in it, in bytes, is started anew even if the writer has to wait for it.
    private let largest: Int64
    private let pageBytes: Int64 = 4096

    init(_ connection: Connection, path: String, largest: Int64 = 8 << 20) {
        self.connection = connection
        self.path = path
        self.largest = largest
    }

    /// Call it every second or so. Readers and the writer go on, unless the log is too large.
    ///
    /// A log that is written to all the time is never folded in to its end, and so would grow for ever: once
    /// it is too large the writer is held up until it starts anew. The file keeps its size then, as syncing a
    /// log that is written over costs less than one that grows; only one that a long read has left very
    /// large is cut.
    /// - Returns: the log's size in bytes afterwards.
    /// - Throws: ``StoreError``; one that ``StoreError/isFatal`` means the same as from a commit.
    @discardableResult
    public func run() throws(StoreError) -> Int64 {
        let log = try checkpoint(.passive)
        // The passive one has done most of the work: what is left to wait for is short.
        if fileSize(path + "-wal") > 16 * largest {
            try checkpoint(.truncate)
        } else if log > largest {
            try checkpoint(.restart)
        }
        return fileSize(path + "-wal")
    }

    /// - Returns: how much of the log is in use, in bytes, about.
    @discardableResult
    private func checkpoint(_ mode: Database.CheckpointMode) throws(StoreError) -> Int64 {
        try connection.perform("folding the log into the store") { db in
            do { return Int64(try db.checkpoint(mode).walFrameCount) * pageBytes } catch let error as DatabaseError
            where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED {
                // A long read holds the log: the next round gets it.
                return 0
            }
        }
    }
}
