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
        try desk.reader.check(branch)
        return try desk.reader.position(of: revision, visible: .max)?.hash
    }

    static func result(_ hash: UInt64?) -> LookUpResult { .hash(hash) }
}
