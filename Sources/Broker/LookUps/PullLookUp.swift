import MembusModel
import MembusStore

/// A page of a pull, with what its stream was registered for, which the core knows.
struct PullLookUp: LookUp {
    let pull: Pull
    let stream: StreamDefinition

    static var isLong: Bool { Pull.traits.isLong }

    func answer(by desk: Desk) throws(Refusal) -> PullPage {
        let filter = PullFilter(
            branch: stream.branch, topics: stream.filter, mode: stream.mode, inlineLimit: desk.inlineValueBytes)
        return try desk.reader.pull(
            filter, from: pull.from, atLeast: pull.atLeast, page: pull.page, visible: desk.visible)
    }

    static func result(_ page: PullPage) -> LookUpResult { .body(Pull.body(of: page)) }
}
