import CSQLite
import FoundationEssentials
import Glibc
import MembusModel
import MembusSystem

extension Reader {
    /// Writes a consistent copy of the store, without its free pages, to a new file while the broker goes on. The file
    /// appears under its name only when it is whole and on disk.
    /// - Returns: the newest revision that the copy holds.
    package func backup(to file: String) throws(StoreError) -> Position {
        guard !FileManager.default.fileExists(atPath: file) else {
            throw StoreError(.exists, "\(file) exists already", hint: "name a new file")
        }
        let partial = file + ".partial"
        do {
            Files.remove(partial)
            try Files.make(partial)
            // A read like any other: it holds up no writer, and leaves out what is free.
            try connection.queue.inDatabase { source in
                do { try FreeSpace.copy(source, to: partial) } catch let error as DatabaseError {
                    guard error.code == .inputOutput,
                        let why = usedUp(sqlite3_system_errno(source.sqliteConnection))
                    else { throw error }
                    throw DatabaseError(.full, why)
                }
            }
            let copy = try DatabaseQueue(path: SQLiteName.of(partial))
            let head = try copy.inDatabase { db in
                let head = try Chain.head(db)
                return Position(revision: head.revision, hash: shortHash(head.hash))
            }
            try copy.close()
            try Files.publish(partial, as: file)
            return head
        } catch {
            Files.remove(partial)
            throw StoreError(error, while: "writing the backup \(file)", at: .opening)
        }
    }
}

/// Moves on disk that are either done or not.
enum Files {
    /// Gives a finished file its name. Whatever had the name before is replaced.
    static func publish(_ partial: String, as file: String) throws(StoreError) {
        do { try AtomicFile.publish(partial, as: file) } catch {
            throw StoreError(.failed, "\(error.path) \(error.problem)", hint: "check the disk and the directory's mode")
        }
    }

    /// An empty file for SQLite to fill, which its owner alone can read: SQLite's own would be everybody's.
    /// - Parameter file: whose owner and mode it has, if that is there.
    static func make(_ draft: String, inPlaceOf file: String? = nil) throws(StoreError) {
        do throws(FileError) {
            guard let descriptor = try PrivateFile.create(draft) else { return }
            defer { close(descriptor) }
            if let file, let ownership = FileOwnership(of: file) { try ownership.apply(to: descriptor, file) }
        } catch {
            throw unmakeable(error)
        }
    }

    static func keepOwnership(of file: String, for copy: String) throws(StoreError) {
        let descriptor = open(copy, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, let ownership = FileOwnership(of: file) else { return }
        defer { close(descriptor) }
        do throws(FileError) { try ownership.apply(to: descriptor, copy) } catch { throw unmakeable(error) }
    }

    private static func unmakeable(_ error: FileError) -> StoreError {
        StoreError(.readOnly, "\(error.path) \(error.problem)", hint: "check who owns it, and the directory's mode")
    }
}
