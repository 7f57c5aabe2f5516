import MembusModel

// Notes of who read what have a share of the store of their own:
//
//   taken      as they come, of branches that are there; a row for each context of a batch, with the head then
//   dropped    while they take more than their share, the oldest
//
// Which are too many is decided in a batch, and told by their time: so no store has one that another has not. Each drops
// them at its own pace. Whoever reads tells each version once in a context, so that nothing is looked for here.

extension Batch {
    /// What is of a branch that is not there costs the others nothing.
    mutating func note(_ notes: NoteReads) throws -> WriteResult {
        if let refusal = FreeText.refusal(notes.agent, "agent's name") { return .refused(refusal) }
        for read in notes.reads {
            if let refusal = FreeText.refusal(read.context, "context") { return .refused(refusal) }
        }
        var notes = notes
        notes.reads.removeAll { writer.state.branches.byName[$0.branch] == nil }
        if notes.reads.isEmpty, notes.dropped == 0 { return .done }
        try record(notes)
        decided(.noted(notes))
        return .done
    }

    func record(_ notes: NoteReads) throws {
        // Their times rise with their ids, whatever clocks do: they are forgotten by them.
        let time = max(time, writer.state.notesTime)
        writer.state.notesTime = time
        var contexts: [ByBytes] = []
        var reads: [ByBytes: [NotedRead]] = [:]
        for read in notes.reads {
            let context = ByBytes(read.context)
            if reads[context] == nil { contexts.append(context) }
            reads[context, default: []].append(read)
        }
        if contexts.isEmpty { contexts = [ByBytes("")] }
        for (place, context) in contexts.enumerated() {
            let row = NoteReads(
                agent: notes.agent, session: notes.session, reads: reads[context] ?? [],
                dropped: place == 0 ? notes.dropped : 0)
            writer.state.notesBytes += try NoteRow.insert(
                row, in: context.text, at: time, head: writer.state.head.revision, into: db)
        }
    }

    /// While they take more than their share, an eighth of them goes.
    mutating func forgetNotes(beyond share: Int64) throws {
        let bytes = writer.state.notesBytes
        guard bytes > share,
            let time = try NoteRow.time(beyond: bytes / 8, since: writer.state.notesForgotten, in: db),
            try forgetNotes(before: time)
        else { return }
        decided(.notesForgotten(before: time))
    }

    /// - Returns: false if they are forgotten already.
    func forgetNotes(before time: Timestamp) throws -> Bool {
        guard time > writer.state.notesForgotten else { return false }
        try Meta.set(db, .notesForgotten, time.milliseconds)
        writer.state.notesForgotten = time
        writer.state.notesBytes = try NoteRow.bytes(since: time, in: db)
        writer.notesToDrop = true
        return true
    }
}
