import MembusModel

/// The table `dropped`: see ``DroppedPlaces``.
enum DroppedRow {
    /// Notes what a step of sweeping has dropped.
    static func note(_ db: Database, _ dropped: [(branch: Int64, key: String, place: LogCursor)]) throws {
        if dropped.isEmpty { return }
        var newest: [Int64: [Key: Int64]] = [:]
        for one in dropped {
            let key = Key(unchecked: one.key)
            newest[one.branch, default: [:]][key] = max(newest[one.branch]?[key] ?? 0, one.place.position)
        }
        for (branch, keys) in newest {
            for (key, position) in keys { try note(db, branch, key.text, position) }
        }
        let count = Int(try db.integer("SELECT count(*) FROM dropped") ?? 0)
        if count > DroppedPlaces.most { try reduce(db) }
    }

    private static func note(_ db: Database, _ branch: Int64, _ key: String, _ position: Int64) throws {
        var name = key
        for prefix in DroppedPlaces.prefixes(of: key) {
            if try db.integer("SELECT 1 FROM dropped WHERE branch = ? AND name = ?", [branch, prefix]) != nil {
                name = prefix
                break
            }
        }
        try db.run(
            """
            INSERT INTO dropped VALUES(?, ?, ?)
            ON CONFLICT(branch, name) DO UPDATE SET position = max(position, excluded.position)
            """, [branch, name, position])
    }

    /// To three quarters, so that it is not done for every key.
    private static func reduce(_ db: Database) throws {
        let cursor = try db.rows("SELECT branch, name, position FROM dropped")
        var rows: [DroppedPlace] = []
        while let row = try cursor.next() {
            rows.append(DroppedPlace(branch: try row[0], name: try row[1], position: try row[2]))
        }
        var places = DroppedPlaces(rows, horizon: try Meta.integer(db, .droppedUpTo) ?? 0)
        places.reduce(to: DroppedPlaces.most / 4 * 3)
        try db.run("DELETE FROM dropped")
        for row in places.rows {
            try db.run("INSERT INTO dropped VALUES(?, ?, ?)", [row.branch, row.name, row.position])
        }
        try Meta.set(db, .droppedUpTo, places.horizon)
    }
}

extension StoreSnapshot {
    /// Whether everything that ever happened to these topics after a place is still there.
    func keepsAll(of filter: TopicFilter, on levels: some Sequence<Level>, after place: LogCursor) throws -> Bool {
        if place.position < (try Meta.integer(db, .droppedUpTo) ?? 0) { return false }
        for level in levels where place < .end(of: level.upTo) {
            for topic in filter.topics where try newestDropped(of: topic, on: level.branch) > place.position {
                return false
            }
        }
        return true
    }

    private func newestDropped(of topic: Topic, on branch: Int64) throws -> Int64 {
        let range = KeyRange(topic)
        var newest =
            try db.integer(
                "SELECT max(position) FROM dropped WHERE branch = ? AND name >= ? AND name < ?",
                [branch, range.from, range.below]) ?? 0
        if topic.isEverything { return newest }
        for prefix in DroppedPlaces.prefixes(of: topic.text) {
            let place = try db.integer(
                "SELECT position FROM dropped WHERE branch = ? AND name = ?", [branch, prefix])
            newest = max(newest, place ?? 0)
        }
        return newest
    }
}
