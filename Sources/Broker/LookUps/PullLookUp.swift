import MembusModel
import MembusStore

/// A page of a pull, with what its stream was registered for, which the core knows.
struct PullLookUp: LookUp {
    let pull: Pull
    let stream: StreamDefinition
    /// `nil` before the first piece.
    private var read: PullRead?

    init(pull: Pull, stream: StreamDefinition) {
        self.pull = pull
        self.stream = stream
    }

    static var isLong: Bool { Pull.traits.isLong }
    static var name: String { Pull.traits.name }

    mutating func step(at desk: Desk) throws(Refusal) -> PullPage? {
        let filter = PullFilter(
            branch: stream.branch, topics: stream.filter, mode: stream.mode, inlineLimit: desk.inlineValueBytes)
        var read =
            read.take()
            ?? PullRead(filter, from: pull.from, atLeast: pull.atLeast, page: pull.page, of: desk.reader.lineage)
        if let page = try desk.reader.step(&read, looking: desk.pieceWork, visible: desk.visible) { return page }
        self.read = read
        return nil
    }

    static func result(_ page: PullPage) -> LookUpResult { .body(Pull.body(of: page)) }
}
