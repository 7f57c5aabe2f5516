/// First reads of records that are no part of a transaction, for the record of who read what.
package struct NoteReads: Operation, Hashable {
    @ByBytes package var agent: String
    /// Which commits are those of a reader that names no context; `nil`: none.
    package var session: SessionID?
    package var reads: [NotedRead]
    /// So many more there were, which the client could not keep.
    package var dropped: Int

    /// More are told as so many.
    package static let mostDropped: Int64 = 1 << 40

    package init(agent: String, session: SessionID? = nil, reads: [NotedRead], dropped: Int = 0) {
        self.agent = agent
        self.session = session
        self.reads = reads
        self.dropped = dropped
    }

    package struct Answer: Hashable, Sendable { package init() {} }

    package static let traits = Traits("the note of reads", .write)
    package var touches: [Touched] {
        Dictionary(grouping: reads, by: \.branch).flatMap { branch, reads in
            let topics = reads.compactMap { if case .topic(let topic) = $0.read.subject { topic } else { nil } }
            let keys = Touched(.read, on: branch, .keys(reads.compactMap(\.read.key)))
            return topics.isEmpty ? [keys] : [keys, Touched(.read, on: branch, .topics(TopicFilter(topics)))]
        }
    }

    package var body: Request.Body { .noteReads(self) }
    package static func body(of answer: Answer) -> Reply.Body { .noted(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .noted(let answer) = body { answer } else { nil }
    }
}

package struct NotedRead: Hashable, Sendable {
    @ByBytes package var context: String
    /// It names its branch, and is no transaction's own.
    package var read: ReadVersion
    /// By the client's clock.
    package var time: Timestamp

    package init(context: String, _ read: ReadVersion, at time: Timestamp) {
        self.context = context
        self.read = read
        self.time = time
    }

    package init(
        context: String, branch: BranchName, key: Key, version: Revision, cut: Revision = 0, time: Timestamp
    ) {
        self.init(
            context: context, ReadVersion(.key(key), version: version, on: branch, cut: cut, isOwn: false), at: time)
    }

    package var branch: BranchName { read.branch ?? .main }
}
