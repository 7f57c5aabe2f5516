import MembusModel

extension Reader {
    /// A page of the records of some topics in the order of their keys.
    public func range(_ request: Request.Range, visible: Revision) throws(Failure) -> Reply.RangePage {
        try read("reading a range", visible: visible) { look in
            let position = try look.position(request.at ?? visible)
            var scan = RangeScan(
                look, request.filter,
                levels: look.branches.levels(of: try look.branch(request.branch), at: position.revision),
                after: request.after, inline: request.keysOnly ? -1 : .max)
            var meter = PageMeter(records: min(request.limit > 0 ? request.limit : 1000, 10_000))
            var page = Reply.RangePage(at: position, records: [], more: false)
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
    public func digest(
        _ filter: TopicFilter, on branch: BranchName, at: Revision? = nil, visible: Revision
    ) throws(Failure) -> Reply.Digest {
        try read("computing a digest", visible: visible) { look in
            let position = try look.position(at ?? visible)
            var scan = RangeScan(
                look, filter, levels: look.branches.levels(of: try look.branch(branch), at: position.revision),
                after: nil, inline: -1)
            var builder = StateDigest.Builder()
            while let record = try scan.next() { builder.add(record) }
            return Reply.Digest(at: position, digest: builder.finish())
        }
    }
}
