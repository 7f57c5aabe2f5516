/// First reads of cached records, for the record of who read what.
package struct NoteReads: Operation, Hashable {
    @ByBytes package var agent: String
    package var reads: [NotedRead]

    package init(agent: String, reads: [NotedRead]) {
        self.agent = agent
        self.reads = reads
    }

    package struct Answer: Hashable, Sendable { package init() {} }

    package static let traits = Traits("the note of reads", .write)
    package var touches: [Touched] {
        Dictionary(grouping: reads, by: \.branch).map { Touched(.read, on: $0.key, .keys($0.value.map(\.key))) }
    }

    package var body: Request.Body { .noteReads(self) }
    package static func body(of answer: Answer) -> Reply.Body { .noted(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .noted(let answer) = body { answer } else { nil }
    }
}

package struct NotedRead: Hashable, Sendable {
    @ByBytes package var context: String
    package var branch: BranchName
    package var key: Key
    /// Of the version that was read; 0: no record.
    package var version: Revision
    /// By the client's clock.
    package var time: Timestamp

    package init(context: String, branch: BranchName, key: Key, version: Revision, time: Timestamp) {
        self.context = context
        self.branch = branch
        self.key = key
        self.version = version
        self.time = time
    }
}
