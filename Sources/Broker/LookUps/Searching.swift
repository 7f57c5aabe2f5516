import MembusModel
import MembusSearch
import MembusStore

/// What is asked of the index: it waits until that is far enough.
protocol AskedOfIndex: LookUp, Operation {
    var branch: BranchName { get }
    var at: Revision? { get }
    var atLeast: Revision { get }
    func answer(by index: SearchIndex, in state: LayeredState, reader: Reader, visible: Revision) throws -> Answer
}

extension AskedOfIndex {
    package static var thread: LookUpThread { .search }

    package func step(at desk: Desk) throws(Refusal) -> Answer? {
        guard let room = desk.searching else { throw Refusal.noIndex }
        return try room.answer(self) { () throws(Refusal) in try desk.checkWaiting() }
    }
}

extension Search: AskedOfIndex {
    func answer(by index: SearchIndex, in state: LayeredState, reader: Reader, visible: Revision) throws -> SearchPage {
        let page = try index.search(self, in: state, reader: reader, visible: visible)
        guard let since, since < state.at.revision, since >= max(state.floor, state.created) else {
            return since == state.at.revision ? page.unchanged : page
        }
        // The same page as of then tells whether anything that counts has changed.
        let then = try reader.layers(of: branch, at: since, newest: since, visible: visible)
        var before = self
        before.explains = false
        before.withPassages = false
        do {
            let old = try index.search(before, in: then, reader: reader, visible: visible)
            return old.hits.map(\.version) == page.hits.map(\.version) ? page.unchanged : page
        } catch let refusal as Refusal where refusal.code == .invalidValue {
            // How it was to be searched could not be understood then.
            return page
        }
    }
}

extension SearchPage {
    fileprivate var unchanged: SearchPage {
        var page = self
        (page.hits, page.isUnchanged) = ([], true)
        return page
    }
}

extension SearchHit {
    fileprivate var version: [String] { [key.text, "\(revision)"] }
}

extension Recall: AskedOfIndex {
    func answer(by index: SearchIndex, in state: LayeredState, reader: Reader, visible: Revision) throws -> Recollection
    {
        try index.recall(self, in: state, reader: reader, visible: visible)
    }
}

extension GetLinks: AskedOfIndex {
    func answer(by index: SearchIndex, in state: LayeredState, reader: Reader, visible: Revision) throws -> LinkGraph {
        try index.links(self, in: state, reader: reader, visible: visible)
    }
}

extension Reindex: LookUpAtOnce {
    package static var thread: LookUpThread { .search }

    package func answer(by desk: Desk) throws(Refusal) -> Answer {
        guard let room = desk.searching else { throw Refusal.noIndex }
        let versions = try room.reindex()
        // Whoever asks for it next is told so.
        desk.indexed.post(room.figures)
        return Answer(versions: versions)
    }
}

extension Refusal {
    static var noIndex: Refusal {
        Refusal(.unknownRequest, "this broker keeps no index", hint: "ask a broker that has a data directory")
    }
}
