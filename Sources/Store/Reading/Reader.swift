import Glibc
import MembusModel

/// Reads the store. Each call sees one unchanging state of the file, and shows nothing beyond the revision
/// that the caller says is visible (`.max`: all that is on disk). Used by one thread at a time; its page cache is
/// bounded.
///
/// Calls throw ``Refusal``: `belowFloor`, `beyondHead`, `unknownBranch`, `historyDiffers`, `pullBroken`,
/// `notYetVisible`, or `storeFailed` if the file can't be read.
// @unchecked: all that changes is reached only inside the connection's serial queue.
package final class Reader: @unchecked Sendable {
    let connection: Connection
    package let lineage: Lineage
    private var branches = BranchTable()
    /// For what is planned ahead.
    let cascades = Cascades()

    init(_ connection: Connection, lineage: Lineage) {
        self.connection = connection
        self.lineage = lineage
    }

    /// About this many bytes of values end a page.
    static let pageBytes = 1 << 20
    /// And this many records.
    static let pageRecords = 4000
    /// A page that finds little looks at no more changes, commits or keys than this.
    package static let pageWork = 20_000

    /// Runs `body` on one state of the file.
    func read<T>(_ doing: String, visible: Revision, _ body: (StoreSnapshot) throws -> T) throws(Refusal) -> T {
        try connection.snapshot(doing) { db in
            try branches.loadMissing(db)
            let visible = visible == .max ? try Chain.head(db).revision : visible
            return try body(StoreSnapshot(db: db, branches: branches, floor: try Meta.floor(db), visible: visible))
        }
    }

    // MARK: Piece by piece

    /// Goes on with a read until it is done, or has looked at about `most` rows.
    /// - Returns: `nil`: there is more to look at, and `read` knows where.
    package func step<Read: StepwiseRead>(
        _ read: inout Read, looking most: Int, visible: Revision
    ) throws(Refusal) -> Read.Answer? {
        try self.read(Read.doing, visible: visible) { try read.step($0, looking: most) }
    }

    /// The same to its end, for those who keep nobody waiting.
    func all<Read: StepwiseRead>(_ read: Read, visible: Revision) throws(Refusal) -> Read.Answer {
        var read = read
        while true {
            if let answer = try step(&read, looking: Self.pageWork, visible: visible) { return answer }
        }
    }

    /// Has what is being read fail soon. From any thread.
    package func interrupt() { connection.queue.interrupt() }

    // MARK: The store as a whole

    /// The newest revision on disk: what is visible when a broker starts.
    package func head() throws(Refusal) -> Position {
        try read("reading the head", visible: .max) { snapshot in
            let head = try Chain.head(snapshot.db)
            return Position(revision: head.revision, hash: shortHash(head.hash))
        }
    }

    /// The oldest revision that reads are exact at.
    package func floor() throws(Refusal) -> Position {
        try read("reading the floor", visible: .max) { snapshot in
            Position(revision: snapshot.floor, hash: shortHash(try Meta.floorHash(snapshot.db)))
        }
    }

    /// The place of a revision in this history, below the floor too; `nil` beyond what is visible.
    package func position(of revision: Revision, visible: Revision) throws(Refusal) -> Position? {
        if revision > visible { return nil }
        return try read("reading a hash", visible: visible) { try Chain.position($0.db, of: revision) }
    }

    /// All of them, those that were deleted too.
    package func branches(visible: Revision) throws(Refusal) -> [BranchInfo] {
        try read("reading the branches", visible: visible) { snapshot in
            try snapshot.branches.all.filter { $0.created <= visible }.map { try snapshot.info(of: $0) }
        }
    }

    /// - Throws: `unknownBranch`, also if it was deleted, of which nothing beyond what is on disk needs to be visible.
    package func check(_ branch: BranchName) throws(Refusal) {
        try read("looking for a branch", visible: .max) { _ = try $0.branch(branch) }
    }
}

/// A read that takes as long as there is much to look at, done in bounded pieces, each in a state of the file of its own,
/// so that whoever does it can see to others between two of them. It holds what it has found so far.
package protocol StepwiseRead: Sendable {
    associatedtype Answer: Sendable
    /// For people: "reading a range".
    static var doing: String { get }
    /// - Returns: `nil`: there is more to look at; each piece gets further, however small it is.
    mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> Answer?
}

/// One state of the file, as far as it may be shown.
package struct StoreSnapshot {
    let db: Database
    let branches: BranchTable
    let floor: Revision
    let visible: Revision

    /// A branch that is there.
    func branch(_ name: BranchName) throws -> Branch {
        let branch = try anyBranch(name)
        if let deleted = branch.deleted, deleted <= visible { throw Refusal.deletedBranch(name, by: deleted) }
        return branch
    }

    /// The same of one that may be gone: what a tag names of it is there.
    func branch(_ name: BranchName, at revision: Revision) throws -> Branch {
        let branch = try anyBranch(name)
        guard let deleted = branch.deleted, deleted <= visible else { return branch }
        if try TagRow.isTagged(db, branch, at: revision) { return branch }
        throw Refusal.deletedBranch(name, by: deleted)
    }

    func anyBranch(_ name: BranchName) throws -> Branch {
        guard let branch = branches.byName[name], branch.created <= visible else { throw Refusal.unknownBranch(name) }
        return branch
    }

    func info(of branch: Branch) throws -> BranchInfo {
        BranchInfo(
            name: branch.name, parent: try branch.parent.map { try branches.name($0) }, forkRevision: branch.fork,
            created: branch.created, isClosed: branch.closed.map { $0 <= visible } ?? false,
            isProtected: branch.protected.map { $0 <= visible } ?? false, deleted: branch.deleted)
    }

    /// Of what a branch shows, which may be below the floor where a tag names it.
    func position(_ revision: Revision, on branch: Branch) throws -> Position {
        guard revision < floor, try TagRow.isTagged(db, branch, at: revision),
            let position = try Chain.position(db, of: revision)
        else { return try position(revision) }
        return position
    }

    /// The same of a state that is gone on with.
    func checked(_ claimed: Position, on branch: Branch) throws -> Position {
        guard claimed.revision < floor, try TagRow.isTagged(db, branch, at: claimed.revision),
            try isOfThisHistory(claimed) == true
        else { return try checked(claimed) }
        return claimed
    }

    func position(_ revision: Revision) throws -> Position {
        if let refusal = Refusal.outside(revision, floor: floor, head: visible) { throw refusal }
        guard let position = try Chain.position(db, of: revision) else {
            throw StoreError(.damaged, "revision \(revision) has no commit", hint: "run membus verify")
        }
        return position
    }

    /// Whether nothing that came after a place is swept, so that nothing is gone of the state there, nor of the log after it.
    func isUnswept(after place: LogCursor) throws -> Bool {
        try Meta.integer(db, .swept) ?? 0 <= place.position
    }

    /// The same of a revision whose state may be below the floor, and is still all there.
    func unswept(_ revision: Revision, on branch: Branch) throws -> Position {
        guard revision < floor, try isUnswept(after: .end(of: revision)),
            let position = try Chain.position(db, of: revision)
        else { return try position(revision, on: branch) }
        return position
    }

    /// The state that a caller names, with its branch; with hash 0 the revision alone counts.
    func state(_ name: BranchName, _ at: Position?) throws -> (branch: Branch, at: Position) {
        let branch = try branch(name, at: at?.revision ?? visible)
        guard let at else { return (branch, try position(visible)) }
        return (branch, try at.hash == 0 ? position(at.revision, on: branch) : checked(at, on: branch))
    }

    /// A place that must be of this history. Below the floor its state is gone, but its hash outlives it: a place of another
    /// history is told from one of this history that is no longer kept.
    func checked(_ claimed: Position) throws -> Position {
        if claimed.revision < floor, try isOfThisHistory(claimed) ?? true {
            throw Refusal(
                .belowFloor, "revision \(claimed.revision) lies below the floor, \(floor)",
                subject: "\(claimed.revision)")
        }
        guard claimed.revision <= visible, try isOfThisHistory(claimed) == true else {
            throw Refusal(.historyDiffers, "\(claimed) is not a place in this history")
        }
        return claimed
    }

    /// That a place is of this history, though its state may be gone.
    func hold(_ claimed: Position) throws {
        guard claimed.revision < floor else {
            _ = try checked(claimed)
            return
        }
        if try isOfThisHistory(claimed) != true { _ = try checked(claimed) }
    }

    /// `nil`: that revision's hash is not kept.
    func isOfThisHistory(_ claimed: Position) throws -> Bool? {
        try Chain.position(db, of: claimed.revision).map { $0 == claimed }
    }
}

/// Decides when a page is full.
struct PageMeter {
    var records: Int
    private(set) var count = 0
    private var bytes = 0

    init(records: Int = Reader.pageRecords) { self.records = max(1, records) }

    var isFull: Bool { count >= records || bytes >= Reader.pageBytes }

    mutating func add(_ record: Record) { add(bytes: record.footprint) }

    /// Something that takes so much.
    mutating func add(bytes: Int) {
        count += 1
        self.bytes += bytes
    }
}
