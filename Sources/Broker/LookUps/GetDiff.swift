import MembusModel
import MembusStore

extension GetDiff: LookedUpInPieces {
    package var read: DiffRead { DiffRead(self) }

    /// What both show is to stay. Which state a time names is found out only with the first piece: until then all is to.
    package func heldState(visible: Revision) -> Revision? {
        min(from.heldState(visible: visible), to.heldState(visible: visible))
    }
    package static func goesOn(after page: DiffPage) -> Bool { page.next != nil }
}

extension BranchState {
    fileprivate func heldState(visible: Revision) -> Revision {
        switch moment {
        case .head: visible
        case .revision(let revision): revision
        case .time, .back, .tag: 0
        }
    }
}
