import MembusModel
import MembusStore

extension GetLog: LookUp {
    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        guard ascending, let cursor else { return try desk.reader.log(self, visible: desk.visible) }
        return try desk.page(of: cursor.revision, \LogPage.more) { () throws(Refusal) in
            try desk.reader.log(self, visible: desk.visible)
        }
    }
}
