import MembusModel
import MembusStore

extension Verify: LookUp {
    package func answer(by desk: Desk) throws(Refusal) -> Answer { try desk.reader.verify(visible: desk.visible) }
}
