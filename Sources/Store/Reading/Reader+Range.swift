import MembusModel

extension Reader {
    /// A page of the records of some topics in the order of their keys.
    package func range(_ request: GetRange, visible: Revision) throws(Refusal) -> RangePage {
        try all(RangeRead(request), visible: visible)
    }

    /// The digest of the records of some topics as of one revision.
    package func digest(
        _ filter: TopicFilter, on branch: BranchName, at: Revision? = nil, visible: Revision
    ) throws(Refusal) -> Digest.Answer {
        try all(DigestRead(Digest(branch: branch, topics: filter, at: at)), visible: visible)
    }
}

/// A page of a range on its way.
///
/// Where much was deleted a page may look at many keys for few records. An asker who goes on after the page's `next`
/// gets it once about 20,000 keys were looked at; one who only knows of records gets it when it is full, as an empty
/// page would end that one's list.
package struct RangeRead: StepwiseRead {
    package static let doing = "reading a range"
    private let request: GetRange
    private var place: ScanPlace
    private var page: RangePage?
    private var meter: PageMeter
    private var work = 0
    private let pageWork: Int

    /// - Parameter pageWork: so much is looked at for a page, if its asker can go on after it.
    package init(_ request: GetRange, pageWork: Int = Reader.pageWork) {
        self.request = request
        self.pageWork = pageWork
        place = ScanPlace(after: request.after)
        meter = PageMeter(records: min(request.limit > 0 ? request.limit : 1000, 10_000))
    }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> RangePage? {
        // What comes after the first piece goes on with its state, as long as nothing that it shows was swept.
        let revision = page?.at.revision ?? request.at ?? snapshot.visible
        let isFirst = page == nil && request.after == nil
        let branch = try snapshot.branch(request.branch, at: revision)
        let position = try isFirst ? snapshot.position(revision, on: branch) : snapshot.unswept(revision, on: branch)
        var page = self.page.take() ?? RangePage(at: position, records: [], more: false)
        var scan = try RangeScan(
            snapshot, request.filter,
            levels: snapshot.branches.levels(of: branch, at: position.revision),
            from: place, inline: request.keysOnly ? -1 : .max)
        while let record = try scan.next(upTo: most) {
            if meter.isFull {
                page.more = true
                return page
            }
            meter.add(record)
            page.records.append(request.keysOnly ? record.announced : record)
            if request.continues, meter.isFull { return ended(page, at: record.key) }
        }
        guard scan.isPaused else { return page }
        place = scan.place
        work += scan.work
        if request.continues, work >= pageWork, let last = place.after, last != request.after {
            return ended(page, at: last)
        }
        self.page = page
        return nil
    }

    private func ended(_ page: RangePage, at key: Key) -> RangePage {
        var page = page
        (page.more, page.next) = (true, key)
        return page
    }
}

/// A digest on its way.
package struct DigestRead: StepwiseRead {
    package static let doing = "computing a digest"
    private let request: Digest
    private var place = ScanPlace()
    private var at: Position?
    private var builder = StateDigest.Builder()

    package init(_ request: Digest) { self.request = request }

    package mutating func step(_ snapshot: StoreSnapshot, looking most: Int) throws -> Digest.Answer? {
        let asked = at ?? request.at.map { Position(revision: $0, hash: 0) }
        let (branch, position) = try snapshot.state(request.branch, asked)
        at = position
        var scan = try RangeScan(
            snapshot, request.topics,
            levels: snapshot.branches.levels(of: branch, at: position.revision),
            from: place, inline: -1)
        while let record = try scan.next(upTo: most) { builder.add(record) }
        place = scan.place
        return scan.isPaused ? nil : Digest.Answer(at: position, digest: builder.finish())
    }
}
