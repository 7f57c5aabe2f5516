import GRDB
import MembusModel

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

    /// - Returns: false if it is on record already, or of a branch that is not there.
    func record(_ read: NotedRead, of agent: String) throws -> Bool {
        guard let branch = writer.state.branches.byName[read.branch] else { return false }
        try db.run(
            """
            INSERT OR IGNORE INTO accesses(agent, context, branch, key, version, first_read)
            VALUES(?, ?, ?, ?, ?, ?)
            """,
            [agent, read.context, branch.id, read.key.text, read.version, read.time.milliseconds])
        return db.changesCount == 1
    }
}
