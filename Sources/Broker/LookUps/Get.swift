import MembusModel
import MembusStore

extension Get: LookedUpInPieces {
    package var read: RecordsRead { RecordsRead(self) }
}
