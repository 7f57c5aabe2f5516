import CSQLite
import FoundationEssentials
import MembusModel

extension Reader {
    /// Runs `body` on the rows of one state, in one read transaction.
    /// - Parameters:
    ///   - at: `nil`: what is visible.
    ///   - isToEnd: asked every few thousand steps, by whatever thread reads: whether it is to fail soon.
    package func rows<T>(
        of branch: BranchName, at: Position?, visible: Revision, isToEnd: @escaping () -> Bool,
        _ body: (StateRows) throws -> T
    ) throws(Refusal) -> T {
        try read("reading by SQL", visible: visible) { snapshot in
            let (branch, position) = try snapshot.state(branch, at)
            let watch = Watch(isToEnd)
            return try withExtendedLifetime(watch) {
                watch.begin(snapshot.db.sqliteConnection)
                defer { watch.end(snapshot.db.sqliteConnection) }
                return try body(StateRows(snapshot, branch, at: position))
            }
        }
    }
}

/// What SQLite asks while it runs a statement.
private final class Watch {
    private let isToEnd: () -> Bool
    init(_ isToEnd: @escaping () -> Bool) { self.isToEnd = isToEnd }

    func begin(_ connection: OpaquePointer) {
        sqlite3_progress_handler(
            connection, 2000,
            { watch in
                // Force unwrap: SQLite gives back what it was given.
                Unmanaged<Watch>.fromOpaque(watch!).takeUnretainedValue().isToEnd() ? 1 : 0
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    func end(_ connection: OpaquePointer) { sqlite3_progress_handler(connection, 0, nil, nil) }
}

/// One state of the file at (branch, revision), for those who go through its rows themselves. It is used within
/// ``Reader/rows(of:at:visible:isToEnd:_:)`` alone.
package final class StateRows {
    package let at: Position
    package let floor: Revision
    /// Nearest first. A branch is younger than what it inherits, so their rows lie one behind the other: all that a level
    /// shows has a higher position than all that the next one does.
    package let levels: [StateLevel]
    private let snapshot: StoreSnapshot

    init(_ snapshot: StoreSnapshot, _ branch: Branch, at: Position) throws {
        self.snapshot = snapshot
        self.at = at
        floor = snapshot.floor
        let levels = snapshot.branches.levels(of: branch, at: at.revision)
        var line: [StateLevel] = []
        for (index, level) in levels.enumerated() {
            line.append(
                StateLevel(
                    branch: level.branch, name: try snapshot.branches.name(level.branch).text,
                    after: index + 1 < levels.count ? levels[index + 1].upTo : 0, upTo: level.upTo))
        }
        self.levels = line
    }

    /// SQLite's, for what is registered with it and goes with the statements.
    package var connection: OpaquePointer { snapshot.db.sqliteConnection }

    package func rows(_ select: StateSelect) throws -> RawRows { try RawRows(snapshot.db.makeStatement(select.sql)) }

    // MARK: What stands in the columns

    /// Of a value that is told by another.
    package func value(splice: Data, on base: Int64) throws -> Data {
        try SplicedValues(db: snapshot.db).value(of: decoded(splice), on: LogCursor(position: base))
    }

    package func size(splice: Data) throws -> Int { try decoded(splice).size }

    private func decoded(_ splice: Data) throws -> Splice {
        guard let splice = try? Splice(decoding: splice) else { throw damaged("a version that is made of another") }
        return splice
    }

    package func attributes(_ data: Data) throws -> Attributes {
        do { return try Annotations.attributes(data) } catch { throw damaged("a record's attributes") }
    }

    package func links(_ data: Data) throws -> [Link] {
        do { return try Annotations.links(data) } catch { throw damaged("a record's links") }
    }

    package func reads(_ data: Data) throws -> [ReadVersion] {
        do { return try CommitRow.reads(data) } catch { throw damaged("what a commit has read") }
    }

    package func notes(_ data: Data, context: String, at time: Timestamp) throws -> [NotedRead] {
        do { return try NotedList.decode(data, context: context, at: time) } catch { throw damaged("a note of reads") }
    }

    package func deed(_ data: Data) throws -> Deed? {
        do { return try CommitRow.provenance(data).deed } catch { throw damaged("what a commit did") }
    }

    private func damaged(_ what: String) -> StoreError {
        StoreError(.damaged, "\(what) can't be read", hint: "run membus verify")
    }

    // MARK: Branches and tags

    /// Those that were made by then, as they are by now.
    package func branches() throws -> [BranchInfo] {
        try snapshot.branches.all.filter { $0.created <= at.revision }.map { branch in
            var info = try snapshot.info(of: branch)
            if let deleted = info.deleted, deleted > at.revision { info.deleted = nil }
            info.isClosed = branch.closed.map { $0 <= at.revision } ?? false
            info.isProtected = branch.protected.map { $0 <= at.revision } ?? false
            return info
        }
    }

    package struct Tag {
        package let name, branch, agent, message: String
        package let revision, created: Revision
        package let time: Timestamp
    }

    /// Those that were made by then and are still there, after a name.
    package func tags(after name: String?, most: Int) throws -> (tags: [Tag], last: String?) {
        let tags = try TagRow.tags(snapshot.db, after: name.map { TagName(unchecked: $0) }, most: most)
        let shown = try tags.filter { $0.created <= at.revision }.map { tag in
            Tag(
                name: tag.name.text, branch: try snapshot.branches.name(tag.branch).text, agent: tag.agent,
                message: tag.message, revision: tag.revision, created: tag.created, time: tag.time)
        }
        return (shown, tags.last?.name.text)
    }
}

/// One branch's part in a state.
package struct StateLevel: Hashable, Sendable {
    package let branch: Int64
    package let name: String
    /// Up to this revision the next level shows; 0: there is none.
    package let after: Revision
    package let upTo: Revision
}

/// Places in history as columns hold them.
package enum StatePosition {
    /// Behind every change of the revision.
    package static func end(of revision: Revision) -> Int64 { LogCursor.end(of: revision).position }
    package static func revision(_ position: Int64) -> Revision { position >> LogCursor.ordinalBits }
    package static func ordinal(_ position: Int64) -> Int64 { position & LogCursor.ordinalMask }
}

/// The rows of a statement whose columns are read straight from SQLite.
package final class RawRows {
    private let owner: Statement
    package let statement: OpaquePointer

    init(_ owner: Statement) {
        self.owner = owner
        statement = owner.sqliteStatement
    }

    /// - Throws: what SQLite refused; a failed bind is told here as well.
    package func next() throws -> Bool {
        switch sqlite3_step(statement) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw owner.failure(code)
        }
    }

    /// Ready for other arguments.
    package func reset() { sqlite3_reset(statement) }

    package func bind(_ integers: Int64..., from column: Int32 = 1) throws {
        for (index, integer) in integers.enumerated() {
            try check(sqlite3_bind_int64(statement, column + Int32(index), integer))
        }
    }

    package func check(_ code: Int32) throws { if code != SQLITE_OK { throw owner.failure(code) } }

    package func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
    package func isNull(_ column: Int32) -> Bool { sqlite3_column_type(statement, column) == SQLITE_NULL }

    package func bytes(_ column: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(statement, column)
        return UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column)))
    }
    package func data(_ column: Int32) -> Data { Data(bytes(column)) }
    package func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }
}
