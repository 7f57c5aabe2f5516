import Foundation
import MembusModel

extension Request {
    /// - Throws: why the request as a whole is refused. What is wrong with its frame of fields (version,
    ///   deadline, streams) is `malformed`, which never uses up a transaction's number.
    init(_ message: PBRequest, _ limits: Limits) throws(Failure) {
        guard message.version == ProtocolVersion.major else { throw Envelope.unsupported(UInt64(message.version)) }
        guard message.deadlineMs >= 0 else {
            throw Failure(
                .malformed, "deadline_ms: \(message.deadlineMs) is negative",
                hint: "name how long the client will wait, in milliseconds, or 0", subject: "deadline_ms")
        }
        guard message.streams.count <= limits.keysPerRequest else {
            throw Failure(
                .malformed, "streams: \(message.streams.count) are over the limit keysPerRequest of \(limits.keysPerRequest)",
                hint: "name fewer streams in one request", subject: "keysPerRequest")
        }
        var streams: [StreamID] = []
        for (index, bytes) in message.streams.enumerated() { streams.append(try Parse.stream(bytes, "streams[\(index)]")) }
        guard let body = message.body else { throw Failure(.unknownRequest, "the request has no body that this broker knows") }
        self.init(
            id: message.id, deadline: message.deadlineMs == 0 ? nil : .milliseconds(message.deadlineMs),
            instance: message.instance == 0 ? nil : Instance(message.instance), streams: streams,
            body: try Body(body, limits))
    }
}

extension Request.Body {
    init(_ body: PBRequest.OneOf_Body, _ limits: Limits) throws(Failure) {
        switch body {
        case .hello(let hello):
            try Parse.check(name: hello.agent, "hello.agent", limits)
            self = .hello(Request.Hello(agent: hello.agent, major: hello.major, minor: hello.minor))
        case .openSession(let open):
            if open.agent.isEmpty {
                throw Failure(.invalidArgument, "open_session.agent: it is empty", hint: "name who commits", subject: "agent")
            }
            try Parse.check(name: open.agent, "open_session.agent", limits)
            self = .openSession(agent: open.agent)
        case .transact(let transact): self = .transact(try Request.Transact(transact))
        case .get(let get): self = .get(try Request.Get(get, limits))
        case .range(let range): self = .range(try Request.Range(range, limits))
        case .history(let history): self = .history(try Request.History(history))
        case .log(let log): self = .log(try Request.Log(log, limits))
        case .branches: self = .branches
        case .status: self = .status
        case .register(let register): self = .register(try Request.Register(register, limits))
        case .ping(let ping): self = .ping(nonce: ping.nonce)
        case .pull(let pull): self = .pull(try Request.Pull(pull))
        case .noteReads(let notes):
            try Parse.check(name: notes.agent, "note_reads.agent", limits)
            self = .noteReads(agent: notes.agent, reads: try notedReads(notes.reads, limits))
        case .compact(let compact): self = .compact(try Request.Compact(compact))
        case .backup(let backup):
            self = .backup(
                Request.Backup(id: backup.id, offset: try Parse.revision(backup.offset, "backup.offset"), done: backup.done))
        case .verify: self = .verify
        case .digest(let digest):
            self = .digest(
                branch: try Parse.branch(digest.branch, "digest.branch"), filter: try Parse.filter(digest.topics, limits),
                at: digest.hasAt ? try Parse.revision(digest.at, "digest.at") : nil)
        }
    }
}

private func notedReads(_ notes: [PBNoteReads.Note], _ limits: Limits) throws(Failure) -> [Request.NotedRead] {
    try Parse.check(count: notes.count, "note_reads.reads", most: limits.keysPerRequest, "keysPerRequest")
    var reads: [Request.NotedRead] = []
    reads.reserveCapacity(notes.count)
    for (index, note) in notes.enumerated() {
        try Parse.check(name: note.context, "note_reads.reads[\(index)].context", limits)
        reads.append(
            Request.NotedRead(
                context: note.context, branch: try Parse.branch(note.branch, "note_reads.reads[\(index)].branch"),
                key: try Parse.key(note.key, "note_reads.reads[\(index)].key"),
                version: try Parse.revision(note.version, "note_reads.reads[\(index)].version"),
                time: Timestamp(milliseconds: note.timeMs)))
    }
    return reads
}
