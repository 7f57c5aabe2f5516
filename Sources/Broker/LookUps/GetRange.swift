import MembusModel
import MembusStore

extension GetRange: LookUp {
    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        try desk.page(of: at ?? desk.visible, \RangePage.more) { () throws(Refusal) in
            try desk.reader.range(self, visible: desk.visible)
        }
    }
}
