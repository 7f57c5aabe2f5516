import MembusModel

extension NoteReads: CodedOperation {
    init(_ message: PBNoteReads, _ limits: Limits) throws(Refusal) {
        try Parse.check(name: message.agent, "note_reads.agent", limits)
        try Parse.check(count: message.reads.count, "note_reads.reads", most: limits.keysPerRequest, "keysPerRequest")
        var reads: [NotedRead] = []
        reads.reserveCapacity(message.reads.count)
        for (index, note) in message.reads.enumerated() {
            try Parse.check(name: note.context, "note_reads.reads[\(index)].context", limits)
            let field = "note_reads.reads[\(index)]"
            let read = ReadVersion(
                try Parse.subject(key: note.key, topic: note.topic, field),
                version: try Parse.revision(note.version, field + ".version"),
                on: try Parse.branch(note.branch, field + ".branch"), cut: try Parse.revision(note.cut, field + ".cut"),
                isOwn: false)
            if let refusal = read.shapeRefusal(limits: limits) { throw refusal }
            reads.append(
                NotedRead(context: note.context, read, at: Timestamp(milliseconds: note.timeMs)))
        }
        self.init(
            agent: message.agent, session: message.session == 0 ? nil : SessionID(message.session), reads: reads,
            dropped: Int(clamping: min(max(0, message.dropped), NoteReads.mostDropped)))
    }

    var message: PBNoteReads {
        .with {
            $0.agent = agent
            $0.session = session?.id ?? 0
            $0.dropped = Int64(dropped)
            $0.reads = reads.map { noted in
                .with {
                    $0.context = noted.context
                    $0.branch = noted.branch.text
                    switch noted.read.subject {
                    case .key(let key): $0.key = key.text
                    case .topic(let topic): $0.topic = topic.text
                    }
                    $0.version = noted.read.version
                    $0.cut = noted.read.cut
                    $0.timeMs = noted.time.milliseconds
                }
            }
        }
    }

    static func answer(_ message: PBNoted) throws(Refusal) -> Answer { Answer() }
    static func message(of answer: Answer) -> PBNoted { PBNoted() }
}
