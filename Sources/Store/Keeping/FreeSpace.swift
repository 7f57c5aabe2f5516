import CSQLite
import MembusModel

// Pages that nothing needs any more are given back to the file system, from the end of the file, in small steps behind
// the sweep. What stands there moves to a free page before. Some free pages stay, for what is written next.
//
// A file can do so if it was made for it, as new stores are. One of an earlier release was not, and keeps its size, but
// what is copied from it by a backup or restore can: both leave free pages out.

enum FreeSpace {
    /// Before the first table is made.
    static func prepare(_ db: Database) throws { try db.execute("PRAGMA auto_vacuum = INCREMENTAL") }

    /// Has a copy that is made by VACUUM of another file be one that gives pages back. A file that is one needs no word
    /// of it, and one that can't be written would refuse it.
    static func prepareCopies(of db: Database) throws {
        if try db.integer("PRAGMA auto_vacuum") == 0 { try prepare(db) }
    }

    /// A copy that holds no free page.
    static func copy(_ db: Database, to file: String) throws {
        try prepareCopies(of: db)
        try db.execute("VACUUM INTO ?", [SQLiteName.of(file)])
    }
}

extension Database {
    private final class Asked {
        let isWanted: () -> Bool
        init(_ isWanted: @escaping () -> Bool) { self.isWanted = isWanted }
    }

    /// Does what takes long, and ends it in the middle once it is no longer wanted.
    /// - Throws: `CancellationError` then.
    func perform<T>(while isWanted: @escaping () -> Bool, _ body: () throws -> T) throws -> T {
        let asked = Asked(isWanted)
        return try withExtendedLifetime(asked) {
            sqlite3_progress_handler(
                sqliteConnection, 100_000,
                { asked in Unmanaged<Asked>.fromOpaque(asked!).takeUnretainedValue().isWanted() ? 0 : 1 },  // set below
                Unmanaged.passUnretained(asked).toOpaque())
            defer { sqlite3_progress_handler(sqliteConnection, 0, nil, nil) }
            do { return try body() } catch let error as DatabaseError where error.code == .interrupt {
                throw CancellationError()
            }
        }
    }

    fileprivate var pages: (all: Int64, free: Int64) {
        get throws { (try integer("PRAGMA page_count") ?? 0, try integer("PRAGMA freelist_count") ?? 0) }
    }
}

extension Writer {
    /// In one step; some milliseconds.
    private static let pagesAtOnce: Int64 = 256
    /// 1 MiB.
    private static let fewestKept: Int64 = 256

    /// - Returns: whether more is to be done.
    func giveBackSpace() throws(StoreError) -> Bool {
        guard givesSpaceBack else { return false }
        func tooMany(_ db: Database) throws -> Int64 {
            let (all, free) = try db.pages
            return free - max(Self.fewestKept, all / 8)
        }
        guard try connection.perform("looking for free space", tooMany) > 0 else { return false }
        return try transaction("giving back space") { db in
            let count = min(try tooMany(db), Self.pagesAtOnce)
            try db.execute("PRAGMA incremental_vacuum(\(count))")
            return try tooMany(db) > 0
        } then: { more, _ in
            more
        }
    }
}
