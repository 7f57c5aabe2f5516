import FoundationEssentials
import MembusModel

/// The first 8 bytes of the hashes of commits that compaction has passed: 8 KiB for 1,024 revisions.
///
/// A view that comes back after a long absence names a revision whose commit is gone. With its hash the broker
/// can still tell a view of this history, which goes forward to a snapshot, from one of another history, which
/// must drop what it holds.
///
/// Of a store that takes thousands of commits a second they would be the only thing that grows for ever: so the oldest go,
/// but for those of states with tags. A
/// view that was away for longer drops what it holds, as one of another history does: below the floor it gets a snapshot
/// in any case.
enum HashArchive {
    private static let blockBits: Int64 = 10
    private static let entryBytes = 8
    private static var blockBytes: Int { entryBytes << blockBits }
    /// Of so many revisions: 32 MiB.
    static let most: Int64 = 4 << 20
    /// So many blocks go at once.
    private static let mostDropped = 64

    /// Keeps the hashes of the commits in this span; they are still there.
    /// - Parameter most: of so many revisions up to the last.
    static func keep(_ db: Database, from first: Revision, to last: Revision, most: Int64 = most) throws {
        var blocks: [Int64: Data] = [:]
        let cursor = try db.rows(
            "SELECT revision, hash FROM commits WHERE revision >= ? AND revision <= ?", [first, last])
        while let row = try cursor.next() {
            let revision: Revision = try row[0]
            let hash: Data = try row[1]
            let number = revision >> blockBits
            var block = try blocks[number] ?? load(db, number) ?? Data(count: blockBytes)
            let start = block.startIndex + offset(of: revision)
            block.replaceSubrange(start..<start + entryBytes, with: hash.prefix(entryBytes))
            blocks[number] = block
        }
        for (number, block) in blocks {
            try db.run("INSERT OR REPLACE INTO hashes(block, bytes) VALUES(?, ?)", [number, block])
        }
        try db.run(
            """
            DELETE FROM hashes WHERE block IN (
              SELECT block FROM hashes WHERE block < ?1 AND NOT EXISTS (
                SELECT 1 FROM tags WHERE revision >= block << ?2 AND revision < (block + 1) << ?2)
              ORDER BY block LIMIT ?3)
            """, [max(0, last - most) >> blockBits, blockBits, mostDropped])
    }

    /// `nil`: never kept.
    static func hash(_ db: Database, of revision: Revision) throws -> UInt64? {
        guard revision > 0, let block = try load(db, revision >> blockBits), block.count == blockBytes else {
            return nil
        }
        let hash = block.dropFirst(offset(of: revision)).prefix(entryBytes).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return hash == 0 ? nil : hash
    }

    private static func load(_ db: Database, _ block: Int64) throws -> Data? {
        try db.first("SELECT bytes FROM hashes WHERE block = ?", [block]) { try $0[0] as Data }
    }

    private static func offset(of revision: Revision) -> Int {
        Int(revision & (1 << blockBits - 1)) * entryBytes
    }
}
