import MembusModel

/// Reads out the table of error codes: `> fixRequest` names those of which that is the remedy.
final class CodesScenario: Machine {
    func take(_ line: Line) throws -> [String] {
        let codes = Refusal.Code.allCases.filter { "\($0.remedy)" == line.verb }
        if codes.isEmpty { throw Unreadable("no code's remedy is \(line.verb)") }
        return codes.map { "\($0)" }
    }
}

/// Chains commits by their hashes: `> commit plans/a=x after h1`. Hashes are named in the order in which they first
/// appear; `nothing` stands before the first commit.
final class ChainScenario: Machine {
    private var hashes = Names<[UInt8]>("h")
    private var heights: [[UInt8]: Revision] = [:]

    func take(_ line: Line) throws -> [String] {
        guard line.verb == "commit" else { throw Unreadable("a chain knows commit") }
        let name = line.value("after") ?? "nothing"
        let before = name == "nothing" ? CommitHash.seed : try hashes.thing(name)
        let revision = heights[before, default: 0] + 1
        let info = CommitInfo(
            revision: revision, hash: 0, branch: .main, agent: "ada", session: nil, number: 0,
            time: Timestamp(milliseconds: 0), context: "", message: "")
        let full = CommitHash.next(
            after: before, info: info, fork: nil, preconditions: [], reads: [],
            records: [try Line.record(try line.word(1), at: revision)], provenance: .none)
        heights[full] = revision
        return ["\(hashes.name(of: full)), of revision \(revision)"]
    }
}
