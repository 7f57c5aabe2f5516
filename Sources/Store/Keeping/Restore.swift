import FoundationEssentials
import Glibc
import MembusModel
import MembusSystem

// A restore, in an order that leaves a whole store at every moment:
//
//   1. Look whether the backup is one. Make and lock the data directory.
//   2. Check it, copy it beside the store without its free pages, as a file of the same owner and mode; give the copy
//      its new lineage, and drop the sessions (their numbers are of the old history).
//   3. Keep the old store under a second name; its log was checkpointed, so it is one file.
//   4. Rename the copy over the store's name.
//
// A crash before 4 leaves the old store in place, one after it the restored one. A refusal takes away again
// what directories step 1 made.

extension Store {
    package struct Restored: Hashable, Sendable {
        package var lineage: Lineage
        package var head: Position
        /// Where the store that was there before is now.
        package var movedAside: String?
    }

    /// Makes the store in `directory` a copy of a backup, as a new history.
    /// - Parameters:
    ///   - replace: an existing store is moved aside; otherwise it is refused.
    ///   - isWanted: asked while it copies; once it says no, what was begun is taken away, and the restore fails.
    package static func restore(
        _ backup: String, into directory: String, newLineage: UInt64, replace: Bool = false,
        isWanted: @escaping () -> Bool = { true }
    ) throws(StoreError) -> Restored {
        guard FileManager.default.fileExists(atPath: backup) else {
            throw StoreError(.missing, "there is no file \(backup)", hint: "name a file that membus backup wrote")
        }
        do { try looksLikeBackup(backup) } catch {
            throw StoreError(error, while: "restoring \(backup)", at: .opening)
        }
        let made = Files.missing(directory)
        let held = try DataDirectory(directory)
        let isThere = FileManager.default.fileExists(atPath: held.file)
        if isThere, !replace {
            throw StoreError(
                .exists, "there is a store in \(directory) already",
                hint: "name another directory, or ask to replace it")
        }
        let copy = held.file + ".restoring"
        do {
            Files.remove(copy)
            try Files.make(copy, inPlaceOf: held.file)
            let head = try prepareCopy(of: backup, at: copy, lineage: newLineage, isWanted)
            let aside = isThere ? try moveAside(held.file) : nil
            try Files.publish(copy, as: held.file)
            return Restored(lineage: Lineage(newLineage), head: head, movedAside: aside)
        } catch {
            Files.remove(copy)
            held.undo(made)
            throw StoreError(error, while: "restoring \(backup)", at: .opening)
        }
    }

    private static func looksLikeBackup(_ backup: String) throws {
        let queue = try Looking(backup).open()
        try queue.inDatabase { db in
            guard try Opening.version(of: db, named: backup) > 0 else {
                throw StoreError(.foreign, "\(backup) is empty", hint: "name a file that membus backup wrote")
            }
        }
        try queue.close()
    }

    private static func prepareCopy(
        of backup: String, at copy: String, lineage: UInt64, _ isWanted: @escaping () -> Bool
    ) throws -> Position {
        let looking = Looking(backup)
        let source = try looking.open()
        try source.inDatabase { source in
            try source.perform(while: isWanted) {
                // Its indexes are made anew: what is wrong with them must not pass for mended.
                try checkIntegrity(of: source, backup)
                try FreeSpace.copy(source, to: copy)
            }
        }
        guard looking.holds else {
            throw StoreError(
                .failed, "\(backup) was changed while it was copied", hint: "name a backup, not a broker's file")
        }
        let target = try DatabaseQueue(path: SQLiteName.of(copy))
        let head = try target.inDatabase { db in
            try db.execute("PRAGMA journal_mode = DELETE")
            try db.inTransaction {
                try Meta.set(db, .lineage, lineage.stored)
                try db.execute("DELETE FROM sessions")
            }
            let head = try Chain.head(db)
            return Position(revision: head.revision, hash: shortHash(head.hash))
        }
        if !isWanted() { throw CancellationError() }
        try target.close()
        return head
    }

    private static func checkIntegrity(of db: Database, _ backup: String) throws {
        let answer = try db.word("PRAGMA integrity_check(1)") ?? "no answer"
        guard answer == "ok" else {
            throw StoreError(.damaged, "\(backup) is damaged: \(answer)", hint: "use another backup")
        }
    }

    /// Gives the old store a second name; the first one stays until the restored store takes it.
    private static func moveAside(_ file: String) throws -> String {
        var number = 1
        while FileManager.default.fileExists(atPath: "\(file).before-restore-\(number)") { number += 1 }
        let aside = "\(file).before-restore-\(number)"
        if (try? checkpointLog(of: file)) == nil {
            // It can't be opened, so it is no loss as the store in place: it goes aside with its log.
            for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: file + suffix) {
                try FileManager.default.moveItem(atPath: file + suffix, toPath: aside + suffix)
            }
        }
        guard link(file, aside) == 0 else {
            // A file system without links.
            try FileManager.default.copyItem(atPath: file, toPath: aside)
            try Files.keepOwnership(of: file, for: aside)
            return aside
        }
        return aside
    }

    private static func checkpointLog(of file: String) throws {
        let queue = try DatabaseQueue(path: SQLiteName.of(file))
        try queue.inDatabase { db in
            _ = try Opening.version(of: db, named: file)
            try db.checkpoint(.truncate)
            // Without a log, nothing of it can be mistaken for the restored store's.
            try db.execute("PRAGMA journal_mode = DELETE")
        }
        try queue.close()
    }
}

extension DataDirectory {
    /// Takes away the directories that were made for this one, unless something has come into them since.
    fileprivate func undo(_ made: [String]) {
        guard !made.isEmpty else { return }
        // Still locked: whoever opens the file now is refused, as while the directory was in use.
        unlink(path + "/lock")
        for directory in made where rmdir(directory) != 0 { return }
    }
}

extension Files {
    /// What has to be made for `directory` to be there, the innermost first.
    static func missing(_ directory: String) -> [String] {
        var missing: [String] = []
        var next = directory
        while !next.isEmpty, next != "/", !FileManager.default.fileExists(atPath: next) {
            missing.append(next)
            next = FilePlace.directory(of: next)
        }
        return missing
    }

    /// With whatever SQLite leaves beside it.
    static func remove(_ database: String) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            try? FileManager.default.removeItem(atPath: database + suffix)
        }
    }
}
