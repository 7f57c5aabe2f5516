import MembusModel

// What an index of all versions is made of: the kept ones in the order of their commits, and what a state shows of them. Nothing is
// held between two calls; compaction may take away what was read before.

/// A version as it is kept.
package struct StoredVersion: Sendable {
    package var record: MembusModel.Record
    /// Where it was written.
    package var branch: Int64
    /// Of its commit.
    package var agent: String
    package var message: String

    package var place: LogCursor { LogCursor(revision: record.revision, ordinal: record.ordinal) }
}

package struct VersionPage: Sendable {
    package var versions: [StoredVersion]
    /// All kept versions up to here, and after where the page began, are in it.
    package var reached: Position
    /// Compaction has been where the page was read: of what is gone there, nobody can say what it replaced.
    package var hasGaps = false
}

/// A state, by where its parts come from: a branch's own versions before what it inherits.
package struct LayeredState: Sendable {
    package var branch: BranchName
    package var at: Position
    package var levels: [Level]
    /// The commit that made the branch.
    package var created: Revision
    package var floor: Revision
    /// Whether what is committed to the branch from now on belongs behind it.
    package var isHead: Bool
}

extension Reader {
    /// The kept versions after a place, whole commits, with their values, until about `rows` of them or `bytes` of values are read.
    /// - Throws: `historyDiffers` if the place is not of this history.
    package func versions(
        after place: Position, rows: Int, bytes: Int, visible: Revision
    ) throws(Refusal) -> VersionPage {
        try read("following the versions", visible: visible) { snapshot in
            if place.revision > snapshot.visible { return VersionPage(versions: [], reached: place) }
            if place != .origin, try snapshot.isOfThisHistory(place) != true {
                throw Refusal(.historyDiffers, "\(place) is not a place in this history")
            }
            var page = VersionPage(versions: [], reached: place)
            page.hasGaps = try !snapshot.isUnswept(after: .end(of: place.revision))
            var read = 0
            let cursor = try snapshot.db.rows(
                """
                SELECT \(RecordRow.columns), changes.branch, agent, message FROM changes
                JOIN commits ON revision = position >> 20
                WHERE position > ?2 AND position <= ?3 ORDER BY position
                """,
                [
                    Int.max, LogCursor.end(of: place.revision).position,
                    LogCursor.end(of: snapshot.visible).position,
                ])
            while let row = try cursor.next() {
                let revision = LogCursor(position: try row[0]).revision
                if let last = page.versions.last?.record.revision, last != revision,
                    page.versions.count >= rows || read >= bytes
                {
                    page.reached = try snapshot.place(last)
                    return page
                }
                page.versions.append(try Self.version(row))
                read += page.versions.last.map { $0.record.size + $0.record.vectors.encoded.count } ?? 0
            }
            page.reached = try snapshot.place(snapshot.visible)
            return page
        }
    }

    private static func version(_ row: StoredRow) throws -> StoredVersion {
        StoredVersion(
            record: try RecordRow.record(row), branch: try row[RecordRow.columnCount],
            agent: try row[RecordRow.columnCount + 1], message: try row[RecordRow.columnCount + 2])
    }

    /// Versions by their places, with their values; `nil`: it is no longer kept.
    package func versions(
        at places: [LogCursor], withVectors: Bool = false, visible: Revision
    ) throws(Refusal) -> [StoredVersion?] {
        try read("reading versions", visible: visible) { snapshot in
            try places.map { place in
                try snapshot.db.first(
                    """
                    SELECT \(RecordRow.columns), changes.branch, agent, message FROM changes
                    JOIN commits ON revision = position >> 20 WHERE position = ?2
                    """, [withVectors ? Int.max : Int.max - 1, place.position], Self.version)
            }
        }
    }

    /// The places of kept versions after one, in their order.
    package func keptPlaces(after place: LogCursor, most: Int, visible: Revision) throws(Refusal) -> [LogCursor] {
        try read("looking which versions are kept", visible: visible) { snapshot in
            let cursor = try snapshot.db.rows(
                "SELECT position FROM changes WHERE position > ? ORDER BY position LIMIT ?",
                [place.position, most])
            var places: [LogCursor] = []
            while let row = try cursor.next() { places.append(LogCursor(position: try row[0])) }
            return places
        }
    }

    /// What a branch shows at a revision; without one, at the newest that is not beyond `newest`.
    package func layers(
        of branch: BranchName, at revision: Revision?, newest: Revision, visible: Revision
    ) throws(Refusal) -> LayeredState {
        try read("looking at a state", visible: visible) { snapshot in
            let found = try snapshot.branch(branch, at: revision ?? snapshot.visible)
            // A branch that is newer than what is known shows its first state, which has to be waited for.
            let at = revision ?? max(min(newest, snapshot.visible), min(found.created, snapshot.visible))
            let position =
                revision == nil ? try snapshot.place(at) : try snapshot.position(at, on: found)
            return LayeredState(
                branch: branch, at: position, levels: snapshot.branches.levels(of: found, at: at),
                created: found.created, floor: snapshot.floor, isHead: revision == nil)
        }
    }
}

extension StoreSnapshot {
    /// Of a revision that was looked at, whatever the floor is by now.
    fileprivate func place(_ revision: Revision) throws -> Position {
        guard let position = try Chain.position(db, of: revision) else { return try position(revision) }
        return position
    }
}
