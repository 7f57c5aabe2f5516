import MembusModel
import MembusStore

extension Get: LookUp {
    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        try desk.reader.get(keys, on: branch, at: at, visible: desk.visible)
    }
}
