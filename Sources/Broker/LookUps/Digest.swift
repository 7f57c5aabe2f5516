import MembusModel
import MembusStore

extension Digest: LookedUpInPieces {
    package var read: DigestRead { DigestRead(self) }
}
