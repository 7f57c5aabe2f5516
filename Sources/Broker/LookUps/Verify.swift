import MembusModel
import MembusStore

extension Verify: LookUpAtOnce {
    package func answer(by desk: Desk) throws(Refusal) -> Answer { try desk.reader.verify(visible: desk.visible) }
}
