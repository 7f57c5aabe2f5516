extension ViewCache {
    /// What is held, in the order of the keys' bytes: what warm files and digests are made of.
    package func records(matching filter: TopicFilter? = nil) -> [Record] {
        var records: [Record] = []
        records.reserveCapacity(filter == nil ? count : 0)
        for slot in slots {
            if let record = slot.entry.record, filter?.matches(record.key) ?? true { records.append(record) }
        }
        return records.sorted { $0.key < $1.key }
    }

    /// The fingerprint of an update stream's state; that of an invalidate stream says only what is held.
    package func digest(_ filter: TopicFilter? = nil) -> StateDigest {
        var builder = StateDigest.Builder()
        for record in records(matching: filter) { builder.add(record) }
        return builder.finish()
    }
}
