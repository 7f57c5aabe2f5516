import Foundation
import GRDB
import MembusModel

// A restore, in an order that leaves a whole store at every moment:
//
//   1. Check the backup. Lock the data directory.
//   2. Copy it beside the store, give the copy its new lineage, drop the sessions (their numbers are of
//      the old history), and check it again.
//   3. Keep the old store under a second name; its log was folded in, so it is one file.
//   4. Rename the copy over the store's name.
//
// A crash before 4 leaves the old store in place, one after it the restored one.

extension Store {
    public struct Restored: Hashable, Sendable {
        public var lineage: Lineage
        public var head: Position
        /// Where the store that was there before is now.
        public var movedAside: String?
    }

    /// Makes the store in `directory` a copy of a backup, as a new history.
    /// - Parameter replace: an existing store is moved aside; otherwise it is refused.
    public static func restore(
        _ backup: String, into directory: String, newLineage: UInt64, replace: Bool = false
    ) throws(StoreError) -> Restored {
        guard FileManager.default.fileExists(atPath: backup) else {
            throw StoreError(.missing, "there is no file \(backup)", hint: "name a file that membus backup wrote")
        }
        let held = try DataDirectory(directory)
        let isThere = FileManager.default.fileExists(atPath: held.file)
        if isThere, !replace {
            throw StoreError(
                .exists, "there is a store in \(directory) already", hint: "name another directory, or ask to replace it")
        }
        let copy = held.file + ".restoring"
        do {
            Files.remove(copy)
            let head = try prepareCopy(of: backup, at: copy, lineage: newLineage)
            let aside = isThere ? try moveAside(held.file) : nil
            try Files.publish(copy, as: held.file)
            return Restored(lineage: Lineage(newLineage), head: head, movedAside: aside)
        } catch {
            Files.remove(copy)
            throw StoreError(error, while: "restoring \(backup)", at: .opening)
        }
    }

    private static func prepareCopy(of backup: String, at copy: String, lineage: UInt64) throws -> Position {
        var configuration = Configuration()
        configuration.readonly = true
        let source = try DatabaseQueue(path: backup, configuration: configuration)
        let target = try DatabaseQueue(path: copy)
        try source.inDatabase { source in
            guard try Opening.version(of: source, named: backup) > 0 else {
                throw StoreError(.foreign, "\(backup) is empty", hint: "name a file that membus backup wrote")
            }
            try target.inDatabase { try source.backup(to: $0) }
        }
        let head = try target.inDatabase { db in
            try db.execute(sql: "PRAGMA journal_mode = DELETE")
            try checkIntegrity(of: db, backup)
            try db.inTransaction {
                try Meta.set(db, .lineage, lineage.stored)
                try db.execute(sql: "DELETE FROM sessions")
                return .commit
            }
            let head = try Chain.head(db)
            return Position(revision: head.revision, hash: shortHash(head.hash))
        }
        try target.close()
        return head
    }

    private static func checkIntegrity(of db: Database, _ backup: String) throws {
        let answer = try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") ?? "no answer"
        guard answer == "ok" else {
            throw StoreError(.damaged, "\(backup) is damaged: \(answer)", hint: "use another backup")
        }
    }

    /// Gives the old store a second name; the first one stays until the restored store takes it.
    private static func moveAside(_ file: String) throws -> String {
        var number = 1
        while FileManager.default.fileExists(atPath: "\(file).before-restore-\(number)") { number += 1 }
        let aside = "\(file).before-restore-\(number)"
        if (try? foldLog(of: file)) == nil {
            // It can't be opened, so it is no loss as the store in place: it goes aside with its log.
            for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: file + suffix) {
                try FileManager.default.moveItem(atPath: file + suffix, toPath: aside + suffix)
            }
        }
        guard link(file, aside) == 0 else {
            // A file system without links.
            try FileManager.default.copyItem(atPath: file, toPath: aside)
            return aside
        }
        return aside
    }

    private static func foldLog(of file: String) throws {
        let queue = try DatabaseQueue(path: file)
        try queue.inDatabase { db in
            _ = try Opening.version(of: db, named: file)
            try db.checkpoint(.truncate)
            // Without a log, nothing of it can be mistaken for the restored store's.
            try db.execute(sql: "PRAGMA journal_mode = DELETE")
        }
        try queue.close()
    }
}

extension Files {
    /// With whatever SQLite leaves beside it.
    static func remove(_ database: String) {
        for suffix in ["", "-wal", "-shm", "-journal"] { try? FileManager.default.removeItem(atPath: database + suffix) }
    }
}
