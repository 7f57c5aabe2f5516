import MembusModel
import MembusStore

extension GetLog: LookUp {
    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        try desk.reader.log(self, visible: desk.visible)
    }
}
