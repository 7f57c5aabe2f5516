import Glibc
import MembusModel
import MembusStore

// The index of one store. It follows the versions in the order of their commits; what is asked is asked of what it has followed so
// far, in memory or written.
//
//   versions ─▶ fresh: in memory, searchable at once
//                 └─ enough, or idle ─▶ frozen: written term by term, in one transaction with the columns and the place ─▶ file
//
// Invariants:
//   - The file holds everything up to its place in history, and nothing beyond: killed at any moment, it goes on from there.
//   - A term of a frozen posting is found in memory until it is written, then in the file; never in both.
//   - What compaction dropped before the index had read what replaced it is forgotten before anybody is answered: `isWhole`.
//   - Steps are bounded, so that whoever drives it answers questions between them.

/// Used by one thread at a time.
package final class SearchIndex {
    let file: IndexFile
    let table: PostingTable
    private let indexer: RecordIndexer
    package let splitter: WordSplitter
    private let encoder = PostingEncoder()
    private(set) var columns = Columns()
    private(set) var fresh = PendingPostings()
    private(set) var frozen: PendingFlush?
    /// What the flush under way writes, and what it comes to.
    private var flushing = (versions: 0..<0, keysBefore: 0, position: Position.origin)
    /// Versions, keys and place that are in the file.
    private var written = (versions: 0, keys: 0, rows: Int64(0), position: Position.origin)
    /// All versions up to here are searchable.
    package private(set) var indexed: Position = .origin
    /// That the place is of the store's history was looked at.
    private var isPlaced = false
    /// Of what the file held when it was opened.
    private var inspection: PostingInspection?
    /// Looks for what compaction dropped too early; `nil`: there is nothing to be looked for.
    private var auditing: Audit?
    /// Whether all that it holds may be shown.
    package var isWhole: Bool { auditing == nil }
    /// Whether that is of the store's history, and may be shown.
    package var isReady: Bool { isPlaced && isWhole }
    var states = VisibleStates()
    var scopes = Scopes()
    var rowNumbers = RowNumbers()
    /// Throws once whoever asks waits no longer: looked at in the course of an answer.
    package var check: () throws -> Void = {}
    /// What was cut last, to be embedded.
    var cut: CutVersion?
    /// What is known of the passages' meaning; `nil`: there is no model.
    package internal(set) var meanings: Meanings?
    /// Whether there may be a model in a moment.
    package var isMeaningAwaited = false
    /// What keeps a model away that is named; `nil`: none is named.
    package var meaningFault: (message: String, hint: String)?
    /// What agents sent.
    private(set) var sent: SentVectors

    /// So many versions are written together, at least.
    private static let flushedVersions = 24_576
    private static let flushedBytes = 24 << 20
    /// Beyond it nothing more is taken in until something is written.
    private static let mostBytes = 96 << 20

    /// - Throws: whatever keeps it from being used; an index of another lineage is none.
    /// - Parameter spaces: `nil`: beside it.
    package init(
        at path: String, lineage: Lineage, _ splitter: WordSplitter, _ spaces: SpaceFiles? = nil
    ) throws {
        self.splitter = splitter
        sent = SentVectors(spaces ?? SpaceFiles(in: path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."))
        indexer = RecordIndexer(splitter)
        file = try IndexFile(path)
        table = try PostingTable(file.db, rowCount: file.meta("rows") ?? 0)
        inspection = PostingInspection(of: table)
        let own = Int64(bitPattern: lineage.id)
        if let known = try file.meta("lineage") {
            guard known == own else { throw SearchFault("the index at \(path) is of another history") }
        } else {
            try file.set("lineage", own)
        }
        try file.readColumns { first, row in
            guard first == columns.versionCount else { throw SearchFault("the index at \(path) lacks versions") }
            try ColumnRow.decode(row, into: &columns)
        }
        try file.readForgotten { version in
            guard version < columns.versionCount else {
                throw SearchFault("the index at \(path) forgets what it has not")
            }
            columns.forget(version)
        }
        try file.readSent { one in
            guard one.version < columns.versionCount else {
                throw SearchFault("the index at \(path) has vectors of what it has not")
            }
            try sent.read(one)
        }
        indexed = try file.position
        if try file.meta("auditing") == 1 { auditing = Audit() }
        guard columns.places.last ?? 0 <= LogCursor.end(of: indexed.revision).position else {
            throw SearchFault("the index at \(path) holds more than it says")
        }
        written = (columns.versionCount, columns.keyCount, table.rowCount, indexed)
    }

    package static func remove(_ path: String) { IndexFile.remove(path) }

    /// Of an index that is the only one.
    package func removeUnusedSpaces() { sent.files.removeOthers(than: sent.spaces.keys) }

    package var versionCount: Int { columns.versionCount }
    package var passageCount: Int { columns.unitCount }
    package var embeddedCount: Int { meanings?.embedded ?? 0 }
    package var bytes: Int64 { file.bytes }

    // MARK: Following

    /// A bounded piece: takes versions in, and writes some of what waits to be.
    /// - Parameter isIdle: there is time to write what is little, too.
    /// - Returns: whether more is to be done by now.
    package func step(from reader: Reader, upTo visible: Revision, isIdle: Bool) throws -> Bool {
        try checkPlace(by: reader, upTo: visible)
        var (hasMore, hasGaps) = (false, false)
        if indexed.revision < visible, fresh.bytes < Self.mostBytes {
            let page = try reader.versions(after: indexed, rows: 200, bytes: 256 << 10, visible: visible)
            hasGaps = page.hasGaps && columns.versionCount > 0
            if hasGaps { auditing = Audit() }
            // What fails here leaves the columns as they were.
            try sent.prepare(page.versions.lazy.map(\.record).filter { !Self.isSkipped($0) })
            for version in page.versions { try take(version) }
            indexed = page.reached
            hasMore = indexed.revision < visible
        }
        // Beyond the last gap, however far the commits are ahead.
        if hasGaps {
            hasMore = true
        } else if var audit = auditing {
            let isDone = try step(&audit, by: reader, visible: visible)
            if isDone { try forget(audit.gone) }
            auditing = isDone ? nil : audit
            hasMore = true
        }
        if frozen == nil { freeze(isIdle: isIdle && !hasMore) }
        if frozen != nil {
            try write()
            if frozen == nil { try file.shortenLog() }
            hasMore = hasMore || frozen != nil
        }
        return try hasMore || inspect()
    }

    /// - Returns: whether there is more to be looked at.
    private func inspect() throws -> Bool {
        guard var inspection else { return false }
        self.inspection = nil
        let isDone = try inspection.step(through: table)
        if !isDone { self.inspection = inspection }
        return !isDone
    }

    /// An old copy of the store may have been put beside it.
    private func checkPlace(by reader: Reader, upTo visible: Revision) throws {
        guard !isPlaced else { return }
        if indexed != .origin {
            guard indexed.revision <= visible,
                try reader.position(of: indexed.revision, visible: visible).map({ $0 == indexed }) ?? false
            else { throw SearchFault("the index at \(file.path) is of commits that the store has not") }
        }
        isPlaced = true
    }

    /// What nobody reads as memory is not looked through.
    private func take(_ version: StoredVersion) throws {
        let record = version.record
        if Self.isSkipped(record) {
            if SearchSettings.topic.matches(record.key) { states.forgetSettings() }
            return
        }
        if !record.vectors.isEmpty { try sent.take(record.vectors, of: UInt32(columns.versionCount)) }
        let passages =
            record.isDeleted
            ? []
            : indexer.index(
                StoredText(record: record, author: version.agent, message: version.message),
                from: UInt32(columns.unitCount), into: fresh)
        columns.add(
            record.key, record.kind, on: version.branch, at: version.place, passages: passages)
    }

    private static let own = Array(".membus/".utf8)
    private static func isSkipped(_ record: Record) -> Bool { record.key.text.utf8.starts(with: own) }

    // MARK: Writing

    private func freeze(isIdle: Bool) {
        let waiting = columns.versionCount - written.versions
        let isEnough = waiting >= Self.flushedVersions || fresh.bytes >= Self.flushedBytes
        // A place alone is worth a row once it is far ahead.
        guard isEnough || isIdle && (waiting > 0 || indexed.revision > written.position.revision + 1000) else { return }
        frozen = PendingFlush(fresh)
        fresh = PendingPostings()
        flushing = (written.versions..<columns.versionCount, written.keys, indexed)
    }

    /// In a piece: more if much waits in memory meanwhile, so that a flush is done before another is due.
    private var writtenTerms: Int { 400 * min(4, 1 + fresh.bytes >> 20) }

    /// Some terms; with the last of them everything becomes durable.
    private func write() throws {
        guard var flush = frozen.take() else { return }
        defer { frozen = flush.isDone && !file.isWriting ? nil : flush }
        do {
            if !file.isWriting { try file.begin() }
            try flush.write(writtenTerms, to: table, by: encoder)
            guard flush.isDone else { return }
            if !flushing.versions.isEmpty {
                let row = ColumnRow.encode(flushing.versions, of: columns, keysBefore: flushing.keysBefore)
                try file.insert(row, from: flushing.versions.lowerBound)
            }
            for one in sent.waiting(before: flushing.versions.upperBound) { try file.insert(one) }
            try file.set(flushing.position)
            try file.set("auditing", isWhole ? 0 : 1)
            try file.set("rows", table.rowCount)
            try file.commit()
            sent.wrote(before: flushing.versions.upperBound)
            written = (flushing.versions.upperBound, keysIn(flushing.versions), table.rowCount, flushing.position)
        } catch {
            file.rollBack()
            table.rowCount = written.rows
            flush.startOver()
            throw error
        }
    }

    /// Keys are numbered as they come.
    private func keysIn(_ versions: Range<Int>) -> Int {
        versions.reduce(flushing.keysBefore) { max($0, Int(columns.keyOf[$1]) + 1) }
    }

    /// Everything is written: it can be closed, or moved.
    package func flushAll() throws {
        while frozen != nil { try write() }
        freeze(isIdle: true)
        while frozen != nil { try write() }
    }

    var source: PostingSource { PostingSource(table: table, frozen: frozen, fresh: fresh, check: check) }

    // MARK: What is gone

    /// Counts a bounded piece of what is no longer kept, as compaction goes.
    /// - Returns: whether that was the last.
    package func step(_ audit: inout Audit, by reader: Reader, visible: Revision) throws -> Bool {
        // What comes meanwhile is kept, as far as this is concerned.
        let end = audit.end ?? columns.versionCount
        audit.end = end
        let kept = try reader.keptPlaces(after: audit.place, most: 5000, visible: visible)
        for place in kept {
            while audit.next < end, columns.places[audit.next] < place.position {
                if !columns.isForgotten(audit.next) { audit.gone.append(UInt32(audit.next)) }
                audit.next += 1
            }
            if audit.next < end, columns.places[audit.next] == place.position { audit.next += 1 }
        }
        guard let last = kept.last, audit.next < end else {
            for version in audit.next..<max(audit.next, audit.end ?? 0) where !columns.isForgotten(version) {
                audit.gone.append(UInt32(version))
            }
            return true
        }
        audit.place = last
        return false
    }

    /// The file knows it first, so that it is not forgotten in memory alone.
    private func forget(_ versions: [UInt32]) throws {
        while frozen != nil { try write() }
        try file.insert(forgotten: versions.filter { $0 < written.versions })
        for version in versions { columns.forget(version) }
        states.forget()
        try file.set("auditing", 0)
    }

    // MARK: Another place

    /// The same under another name, in place of what is there. This one can't be used any more.
    /// Vectors that nothing has any more are left behind, if they are many: whatever other index is open ends with it.
    package func moved(to path: String) throws -> SearchIndex {
        let own = file.path
        // One file, which can be renamed; whoever opens it makes a log of its own.
        try file.db.execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE")
        guard let lineage = try file.meta("lineage") else { throw SearchFault("the index at \(own) is of no history") }
        IndexFile.remove(path)
        guard rename(own, path) == 0 else {
            throw SearchFault("the index at \(own) can't be moved: \(String(cString: strerror(errno)))")
        }
        try sent.files.keep(sent.rows)
        return try SearchIndex(at: path, lineage: Lineage(UInt64(bitPattern: lineage)), splitter, sent.files)
    }
}

/// How much of an index is no longer kept, as far as it is counted.
package struct Audit {
    /// Versions.
    package fileprivate(set) var gone: [UInt32] = []
    fileprivate var end: Int?
    fileprivate var next = 0
    fileprivate var place = LogCursor(revision: 0, ordinal: 0)
    package init() {}
}
