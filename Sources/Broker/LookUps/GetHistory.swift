import MembusModel
import MembusStore

extension GetHistory: LookUp {
    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        try desk.reader.history(self, visible: desk.visible)
    }
}
