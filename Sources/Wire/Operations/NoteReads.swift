import MembusModel

extension NoteReads: CodedOperation {
    init(_ message: PBNoteReads, _ limits: Limits) throws(Refusal) {
        try Parse.check(name: message.agent, "note_reads.agent", limits)
        try Parse.check(count: message.reads.count, "note_reads.reads", most: limits.keysPerRequest, "keysPerRequest")
        var reads: [NotedRead] = []
        reads.reserveCapacity(message.reads.count)
        for (index, note) in message.reads.enumerated() {
            try Parse.check(name: note.context, "note_reads.reads[\(index)].context", limits)
            reads.append(
                NotedRead(
                    context: note.context, branch: try Parse.branch(note.branch, "note_reads.reads[\(index)].branch"),
                    key: try Parse.key(note.key, "note_reads.reads[\(index)].key"),
                    version: try Parse.revision(note.version, "note_reads.reads[\(index)].version"),
                    time: Timestamp(milliseconds: note.timeMs)))
        }
        self.init(agent: message.agent, reads: reads)
    }

    var message: PBNoteReads {
        .with {
            $0.agent = agent
            $0.reads = reads.map { read in
                .with {
                    $0.context = read.context
                    $0.branch = read.branch.text
                    $0.key = read.key.text
                    $0.version = read.version
                    $0.timeMs = read.time.milliseconds
                }
            }
        }
    }

    static func answer(_ message: PBNoted) throws(Refusal) -> Answer { Answer() }
    static func message(of answer: Answer) -> PBNoted { PBNoted() }
}
