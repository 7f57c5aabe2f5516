import MembusModel

extension Reader {
    /// How a state has itself searched: its records under `.membus/search/`.
    /// - Throws: a refusal that names what can't be understood, too.
    package func searchSettings(in levels: [Level], visible: Revision) throws(Refusal) -> SearchSettings {
        let records = try read("reading how to search", visible: visible) { snapshot in
            let range = KeyRange(SearchSettings.topic)
            var keys: Set<Key> = []
            for level in levels {
                let found = try snapshot.db.rows(
                    "SELECT DISTINCT key FROM changes WHERE branch = ? AND key >= ? AND key < ? AND position <= ?",
                    [level.branch, range.from, range.below, LogCursor.end(of: level.upTo).position])
                while let row = try found.next() { keys.insert(Key(unchecked: try row[0])) }
            }
            var records: [Record] = []
            for key in keys.sorted() {
                guard let record = try NewestVersion.record(snapshot.db, key, levels), !record.isDeleted else {
                    continue
                }
                records.append(record)
                if records.count > SearchSettings.mostRecords { throw Self.tooMany }
            }
            return records
        }
        return records.isEmpty ? .none : try SearchSettings(records: records)
    }

    private static var tooMany: Refusal {
        Refusal(
            .limitExceeded, "there are more than \(SearchSettings.mostRecords) records under \(SearchSettings.topic)",
            hint: "delete some", subject: SearchSettings.topic.text)
    }
}
