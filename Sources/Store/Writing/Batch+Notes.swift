import MembusModel

// Notes of who read what go with the versions that they name, and have a share of the store of their own:
//
//   taken      of a version that is kept, or of a key without a record; the first time only
//   dropped    once the version that they name is gone, and while they take more than their share, the oldest
//
// What is dropped must not be taken as new by one store and be there already in another: so whether a version is kept
// is judged by the floor, not by how far a store has swept, and which notes are too many is decided in a batch.

extension Batch {
    /// Who read what, first time only.
    mutating func note(_ reads: [NotedRead], of agent: String) throws -> WriteResult {
        if let refusal = FreeText.refusal(agent, "agent's name") { return .refused(refusal) }
        for read in reads {
            if let refusal = FreeText.refusal(read.context, "context") { return .refused(refusal) }
            if writer.state.branches.byName[read.branch] == nil { return .refused(.unknownBranch(read.branch)) }
        }
        let first = try reads.filter { try record($0, of: agent) }
        if !first.isEmpty { decided(.noted(first, agent: agent)) }
        return .done
    }

    /// - Returns: false if it is on record already, of a version that is not kept, or of a branch that is not there.
    func record(_ read: NotedRead, of agent: String) throws -> Bool {
        guard let branch = writer.state.branches.byName[read.branch], try isKept(read, on: branch) else { return false }
        // By the client's clock; not so that it would be the first to go, or the last.
        let forgotten = writer.state.notesForgotten
        let firstRead = max(min(read.time, time), forgotten)
        try db.run(
            """
            INSERT INTO accesses(agent, context, branch, key, version, first_read) VALUES(?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET first_read = excluded.first_read WHERE first_read < ?
            """,
            [
                agent, read.context, branch.id, read.key.text, read.version, firstRead.milliseconds,
                forgotten.milliseconds,
            ])
        let isNew = db.changesCount == 1
        if isNew {
            writer.notes.isDue = true
            writer.cascades.noted(read, of: agent, at: firstRead)
        }
        return isNew
    }

    private func isKept(_ read: NotedRead, on branch: Branch) throws -> Bool {
        if read.version == 0 { return true }
        let floor = writer.state.floor
        if read.version > floor { return try NotesPass.isThere(db, read.key.text, read.version) }
        let levels = writer.state.branches.levels(of: branch, at: floor)
        return try NewestVersion.place(db, read.key.text, levels)?.revision == read.version
    }

    /// While they take more than their share, an eighth of them goes.
    mutating func forgetNotes(beyond share: Int64) throws {
        guard let known = writer.notes.known, known.bytes > share, let time = known.age(ofPart: 8),
            try forgetNotes(before: time)
        else { return }
        decided(.notesForgotten(before: time))
    }

    /// - Returns: false if they are forgotten already.
    func forgetNotes(before time: Timestamp) throws -> Bool {
        guard time > writer.state.notesForgotten else { return false }
        try Meta.set(db, .notesForgotten, time.milliseconds)
        writer.state.notesForgotten = time
        // What is known of them is over.
        writer.notes.known = nil
        writer.notes.isDue = true
        return true
    }
}

/// A walk over all notes, in pieces, that drops those that are to go and measures the others. Each store's own.
struct NotesPass {
    struct Measure {
        var count = 0
        /// About what they take of the file.
        var bytes: Int64 = 0
        /// Of one in so many, when they were read first.
        private var sample: [Int64] = []
        private var step = 1
        private static let largestSample = 4096

        mutating func add(_ text: Int64, _ firstRead: Int64) {
            bytes += Self.bytes(ofText: text)
            if count % step == 0 { sample.append(firstRead) }
            count += 1
            guard sample.count > Self.largestSample else { return }
            sample = sample.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
            step *= 2
        }

        /// A B-tree that is filled at random is two thirds full; beside its text a row has some numbers; a row that does
        /// not fit four times into a page has another page.
        static func bytes(ofText text: Int64) -> Int64 { (text + 32) * 3 / 2 + (text > 900 ? 4096 : 0) }

        /// Before then one part of so many was read first; at least one of the notes.
        func age(ofPart parts: Int) -> Timestamp? {
            guard !sample.isEmpty else { return nil }
            let sorted = sample.sorted()
            let last = sorted[max(sorted.count / parts, 1) - 1]
            return Timestamp(milliseconds: last + 1)
        }
    }

    /// Whether something has changed that may let notes go.
    var isDue = true
    /// Of the last whole pass.
    var known: Measure?
    private var measure = Measure()
    private var last: (agent: String, context: String, branch: Int64, key: String, version: Int64)?

    var isUnderWay: Bool { isDue || last != nil }

    /// - Returns: whether more is to be done.
    mutating func step(_ db: Database, forgotten: Timestamp, budget: Int) throws -> Bool {
        if last == nil {
            guard isDue else { return false }
            isDue = false
            measure = Measure()
        }
        let from = last ?? ("", "", .min, "", .min)
        let cursor = try db.rows(
            """
            SELECT agent, context, branch, key, version, first_read,
              length(CAST(agent AS BLOB)) + length(CAST(context AS BLOB)) + length(CAST(key AS BLOB))
            FROM accesses WHERE (agent, context, branch, key, version) > (?, ?, ?, ?, ?)
            ORDER BY agent, context, branch, key, version LIMIT ?
            """, [from.agent, from.context, from.branch, from.key, from.version, budget])
        var looked = 0
        var gone: [(agent: String, context: String, branch: Int64, key: String, version: Int64)] = []
        while let row = try cursor.next() {
            looked += 1
            let note: (agent: String, context: String, branch: Int64, key: String, version: Int64) = (
                try row[0], try row[1], try row[2], try row[3], try row[4]
            )
            last = note
            let firstRead: Int64 = try row[5]
            if try firstRead < forgotten.milliseconds || note.version > 0 && !Self.isThere(db, note.key, note.version) {
                gone.append(note)
            } else {
                measure.add(try row[6], firstRead)
            }
        }
        for note in gone {
            try db.run(
                "DELETE FROM accesses WHERE agent = ? AND context = ? AND branch = ? AND key = ? AND version = ?",
                [note.agent, note.context, note.branch, note.key, note.version])
        }
        if looked == budget { return true }
        (known, last) = (measure, nil)
        return isDue
    }

    /// Whether the version is in the file, on whatever branch.
    static func isThere(_ db: Database, _ key: String, _ version: Revision) throws -> Bool {
        guard version > 0, version < 1 << 42 else { return false }
        return try db.integer(
            "SELECT 1 FROM changes WHERE position >= ? AND position <= ? AND key = ?",
            [LogCursor(revision: version, ordinal: 0).position, LogCursor.end(of: version).position, key]) == 1
    }
}
