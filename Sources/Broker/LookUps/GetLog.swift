import MembusModel
import MembusStore

extension GetLog: LookedUpInPieces {
    package var read: LogRead { LogRead(self) }

    /// Where it goes on from, if it goes up: what came after is to stay while it is read.
    package func heldState(visible: Revision) -> Revision? { ascending ? cursor?.revision : nil }
    package static func goesOn(after page: LogPage) -> Bool { page.more }
}
