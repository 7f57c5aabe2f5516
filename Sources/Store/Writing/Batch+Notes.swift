import GRDB
import MembusModel

extension Batch {
    /// Who read what, first time only.
    func note(_ reads: [NotedRead], of agent: String) throws -> WriteResult {
        if let refusal = FreeText.refusal(agent, "agent's name") { return .refused(refusal) }
        for read in reads {
            if let refusal = FreeText.refusal(read.context, "context") { return .refused(refusal) }
            if writer.state.branches.byName[read.branch] == nil { return .refused(.unknownBranch(read.branch)) }
        }
        for read in reads {
            guard let branch = writer.state.branches.byName[read.branch] else { continue }
            try db.run(
                """
                INSERT OR IGNORE INTO accesses(agent, context, branch, key, version, first_read)
                VALUES(?, ?, ?, ?, ?, ?)
                """,
                [agent, read.context, branch.id, read.key.text, read.version, read.time.milliseconds])
        }
        return .done
    }
}
