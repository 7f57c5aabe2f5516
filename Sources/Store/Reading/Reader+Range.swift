import MembusModel

extension Reader {
    /// A page of the records of some topics in the order of their keys.
    package func range(_ request: GetRange, visible: Revision) throws(Refusal) -> RangePage {
        try read("reading a range", visible: visible) { snapshot in
            // Further pages go on with the state of the first, as long as nothing that it shows was swept.
            let position =
                request.after == nil
                ? try snapshot.position(request.at ?? visible) : try snapshot.unswept(request.at ?? visible)
            var scan = RangeScan(
                snapshot, request.filter,
                levels: snapshot.branches.levels(of: try snapshot.branch(request.branch), at: position.revision),
                after: request.after, inline: request.keysOnly ? -1 : .max)
            var meter = PageMeter(records: min(request.limit > 0 ? request.limit : 1000, 10_000))
            var page = RangePage(at: position, records: [], more: false)
            while let record = try scan.next() {
                if meter.isFull {
                    page.more = true
                    break
                }
                meter.add(record)
                page.records.append(request.keysOnly ? record.announced : record)
            }
            return page
        }
    }

    /// The digest of the records of some topics as of one revision.
    package func digest(
        _ filter: TopicFilter, on branch: BranchName, at: Revision? = nil, visible: Revision
    ) throws(Refusal) -> Digest.Answer {
        try read("computing a digest", visible: visible) { snapshot in
            let position = try snapshot.position(at ?? visible)
            var scan = RangeScan(
                snapshot, filter,
                levels: snapshot.branches.levels(of: try snapshot.branch(branch), at: position.revision),
                after: nil, inline: -1)
            var builder = StateDigest.Builder()
            while let record = try scan.next() { builder.add(record) }
            return Digest.Answer(at: position, digest: builder.finish())
        }
    }
}
