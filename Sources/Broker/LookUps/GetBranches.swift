import MembusModel
import MembusStore

extension GetBranches: LookUpAtOnce {
    package func answer(by desk: Desk) throws(Refusal) -> Answer { try desk.reader.branches(visible: desk.visible) }
}
