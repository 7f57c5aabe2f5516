import MembusModel

/// How far each branch has been swept for expired records: every record that is visible at the branch's
/// head expires after its mark. A branch without a mark was not swept at all. Marks live in memory only: a
/// restart sweeps again what the index still holds.
struct ExpirySchedule {
    /// A place in the index of expiries.
    struct Mark: Comparable {
        var expires: Int64
        var position: Int64
        static let start = Mark(expires: .min, position: .min)
        /// Behind all that ever will.
        static let never = Mark(expires: .max, position: .max)
        /// Behind all that has expired by then.
        static func end(of time: Timestamp) -> Mark { Mark(expires: time.milliseconds, position: .max) }
        static func < (a: Mark, b: Mark) -> Bool { (a.expires, a.position) < (b.expires, b.position) }
    }

    private var marks: [Int64: Mark] = [:]
    /// How far each branch was looked through for what has expired of a topic, ahead of its mark: what was found of it
    /// was deleted.
    private var topicMarks: [Place: Mark] = [:]
    private struct Place: Hashable {
        var branch: Int64
        var topic: Topic
    }
    private static let mostTopics = 64
    /// The branch that was looked at last.
    private var lastBranch: Int64 = 0
    /// Records that expire, written since this was last taken.
    private var written = 0
    /// When there may be something to do.
    private(set) var next: Timestamp?

    static func load(_ db: Database) throws -> ExpirySchedule {
        var schedule = ExpirySchedule()
        schedule.next = try db.integer("SELECT min(expires) FROM changes WHERE expires IS NOT NULL")
            .map { Timestamp(milliseconds: $0) }
        return schedule
    }

    func mark(of branch: Int64) -> Mark { marks[branch] ?? .start }
    mutating func swept(_ branch: Int64, to mark: Mark) { marks[branch] = mark }

    func mark(of branch: Int64, for topic: Topic) -> Mark {
        max(mark(of: branch), topicMarks[Place(branch: branch, topic: topic)] ?? .start)
    }
    mutating func lookedThrough(_ branch: Int64, for topic: Topic, to mark: Mark) {
        if topicMarks.count >= Self.mostTopics { topicMarks = [:] }
        topicMarks[Place(branch: branch, topic: topic)] = mark
    }

    /// Those behind the one that was looked at last come first.
    func inTurn(_ branches: [Branch]) -> [Branch] {
        let next = branches.firstIndex { $0.id > lastBranch } ?? 0
        return Array(branches[next...] + branches[..<next])
    }
    mutating func lookedAt(_ branch: Int64) { lastBranch = branch }

    mutating func takeWritten() -> Int {
        defer { written = 0 }
        return written
    }

    /// A record that expires before the branch's mark lowers it.
    mutating func written(_ expires: Timestamp, at place: LogCursor, on branch: Int64) {
        written += 1
        let mark = Mark(expires: expires.milliseconds, position: place.position - 1)
        if let old = marks[branch], mark < old { marks[branch] = mark }
        for (place, old) in topicMarks where place.branch == branch && mark < old { topicMarks[place] = mark }
        next = min(next ?? expires, expires)
    }

    /// A branch from its parent's head shows what the parent shows; one from the past may show what has
    /// expired long ago, unless it is frozen.
    mutating func forked(_ branch: Branch, from parent: Branch, atHead: Bool) {
        switch branch.inherited {
        case .frozen: marks[branch.id] = .never
        case .asOnParent where atHead && parent.expires:
            if let mark = marks[parent.id] { marks[branch.id] = mark }
        case .asOnParent, .all: next = Timestamp(milliseconds: .min)
        }
    }

    /// What has expired on a closed branch goes now.
    mutating func reopened() { next = Timestamp(milliseconds: .min) }

    mutating func reschedule(_ db: Database, branches: [Branch]) throws {
        let lowest = branches.map { mark(of: $0.id) }.min() ?? .start
        next = try db.integer(
            """
            SELECT expires FROM changes
            WHERE expires IS NOT NULL AND (expires, position) > (?, ?) ORDER BY expires, position LIMIT 1
            """, [lowest.expires, lowest.position]
        ).map { Timestamp(milliseconds: $0) }
    }
}

extension ExpirySchedule.Mark {
    /// Where an entry of the index stands: its expiry and position come first.
    init(_ entry: StoredRow) throws { self.init(expires: try entry[0], position: try entry[1]) }
}
