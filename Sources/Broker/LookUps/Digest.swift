import MembusModel
import MembusStore

extension Digest: LookUp {
    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        try desk.reader.digest(topics, on: branch, at: at, visible: desk.visible)
    }
}
