import MembusModel
import MembusStore

extension GetBranches: LookedUpInPieces {
    package var read: NamesRead { NamesRead(self) }
}
