import MembusModel
import MembusStore

/// The hash of a revision, for a registration; and whether the branch exists.
struct HashLookUp: LookUpAtOnce {
    let revision: Revision
    let branch: BranchName

    static let isLong = false
    static var name: String { Register.traits.name }

    /// The hash as it is on disk, not only up to V: it serves to tell one history from another.
    func answer(by desk: Desk) throws(Refusal) -> UInt64? {
        guard try desk.reader.branches(visible: .max).contains(where: { $0.name == branch }) else {
            throw Refusal(.unknownBranch, "there is no branch \"\(branch)\"", subject: branch.text)
        }
        return try desk.reader.position(of: revision, visible: .max)?.hash
    }

    static func result(_ hash: UInt64?) -> LookUpResult { .hash(hash) }
}
