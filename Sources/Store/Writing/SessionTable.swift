import Glibc
import MembusModel

/// The sessions that are in use, in front of their table. Bounded: what was not used lately is read again.
struct SessionTable {
    private struct Entry {
        var session: SessionState
        var used: UInt64
    }
    private var entries: [SessionID: Entry] = [:]
    private var changed: Set<SessionID> = []
    private var clock: UInt64 = 0
    private let most: Int
    /// Outcomes of each.
    private(set) var mostKept: UInt64

    init(most: Int = 1024, mostKept: UInt64 = SessionState.mostKept) {
        self.most = most
        self.mostKept = mostKept
    }

    /// How many outcomes of each session are kept from now on.
    mutating func keep(_ most: UInt64) {
        if most == mostKept { return }
        forget()
        mostKept = most
    }

    /// Has it at hand, from the table if need be.
    /// - Returns: whether there is such a session.
    private mutating func load(_ db: Database, _ id: SessionID) throws -> Bool {
        clock += 1
        if entries[id] != nil {
            entries[id]?.used = clock
            return true
        }
        let session = try db.first(
            "SELECT agent, last, acknowledged, results FROM sessions WHERE id = ?", [id.id.stored]
        ) { row in
            SessionState(
                agent: try row[0], last: UInt64(stored: try row[1]), acknowledged: UInt64(stored: try row[2]),
                results: try KeptResults.decode(try row[3]), most: mostKept)
        }
        if let session { entries[id] = Entry(session: session, used: clock) }
        return session != nil
    }

    /// What is to be done with a request.
    struct Admitted {
        var admission: Admission
        /// Whose the session is.
        var agent: String
        /// What its client has by now.
        var acknowledged: UInt64
        /// Whether that is more than before.
        var tellsMore: Bool
    }

    /// By its session's rules; `nil`: there is no such session. The acknowledgement is taken in either case.
    ///
    /// The session is changed where it lies: a copy would have its results copied for each transaction.
    mutating func admit(_ db: Database, _ request: Transact, fingerprint: UInt64) throws -> Admitted? {
        let id = request.session
        guard try load(db, id), let place = entries.index(forKey: id) else { return nil }
        let before = entries.values[place].session.acknowledged
        entries.values[place].session.acknowledge(request.acknowledged)
        let acknowledged = entries.values[place].session.acknowledged
        let admission = entries.values[place].session.admit(number: request.number, fingerprint: fingerprint)
        return Admitted(
            admission: admission, agent: entries.values[place].session.agent, acknowledged: acknowledged,
            tellsMore: acknowledged > before)
    }

    /// Whether its row goes to disk with this batch.
    func isChanged(_ id: SessionID) -> Bool { changed.contains(id) }

    /// To be written with the batch.
    mutating func decided(_ id: SessionID, number: UInt64, _ result: KeptResult) {
        entries[id]?.session.decided(number: number, result)
        changed.insert(id)
    }

    /// Takes another writer's decision.
    /// - Returns: false if there is no such session, or if it is not this number's turn.
    mutating func take(_ db: Database, _ decided: DecidedNumber) throws -> Bool {
        guard try load(db, decided.session), let last = entries[decided.session]?.session.last,
            decided.number > last, decided.number - last == 1
        else { return false }
        self.decided(decided.session, number: decided.number, decided.kept)
        entries[decided.session]?.session.acknowledge(decided.acknowledged)
        return true
    }

    /// - Returns: false if the id is taken.
    mutating func open(_ db: Database, _ id: SessionID, agent: String, now: Timestamp) throws -> Bool {
        guard try !load(db, id) else { return false }
        try db.run(
            "INSERT INTO sessions(id, agent, created, used, last, acknowledged) VALUES(?, ?, ?, ?, 0, 0)",
            [id.id.stored, agent, now.milliseconds, now.milliseconds])
        entries[id] = Entry(session: SessionState(agent: agent, most: mostKept), used: clock)
        return true
    }

    /// - Returns: false if there is no such session.
    mutating func drop(_ db: Database, _ id: SessionID) throws -> Bool {
        entries[id] = nil
        changed.remove(id)
        try db.run("DELETE FROM sessions WHERE id = ?", [id.id.stored])
        return db.changesCount == 1
    }

    static let update = "UPDATE sessions SET used = ?, last = ?, acknowledged = ?, results = ? WHERE id = ?"

    mutating func save(by row: inout Prepared, now: Timestamp) throws {
        for id in changed.sorted() {
            guard let session = entries[id]?.session else { continue }
            row.bind(now.milliseconds)
            row.bind(session.last.stored)
            row.bind(session.acknowledged.stored)
            row.bind(blob: KeptResults.encode(session.results))
            row.bind(id.id.stored)
            try row.run()
        }
        changed.removeAll(keepingCapacity: true)
    }

    /// After a failed batch: what is on disk counts.
    mutating func forget() {
        entries.removeAll()
        changed.removeAll()
    }

    /// Drops the longer unused half when there are too many.
    mutating func trim() {
        guard entries.count > most else { return }
        let middle = entries.values.map(\.used).sorted()[entries.count / 2]
        entries = entries.filter { $0.value.used > middle }
    }
}
