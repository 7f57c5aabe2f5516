import MembusModel
import MembusStore

extension GetRange: LookedUpInPieces {
    package var read: RangeRead { RangeRead(self) }

    package func heldState(visible: Revision) -> Revision? { at ?? visible }
    package static func goesOn(after page: RangePage) -> Bool { page.more }
}
