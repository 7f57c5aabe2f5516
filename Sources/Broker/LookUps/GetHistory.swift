import MembusModel
import MembusStore

extension GetHistory: LookedUpInPieces {
    package var read: HistoryRead { HistoryRead(self) }
}
