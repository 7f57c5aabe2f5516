// A list that is read page by page.
//
//   ask ─▶ a page: hand ─▶ [the owner wants more] ─▶ ask, from where it ended ─▶ … ─▶ the last page
//    └─ refused, as the history that it goes on from is none of the broker's ─▶ ask which it holds ─▶ throw
//
// Invariants: all pages are of one lineage; where the kind of list says so, of one state. A page that failed is asked
// for again from the same place.

/// What is read in pages, and where its next page starts.
protocol PagedList: Sendable {
    associatedtype Element: Sendable
    associatedtype Asked: Operation

    /// The request for the next page.
    var asked: Asked { get }
    /// Whether that goes on from a state that was read before.
    var isContinuing: Bool { get }

    /// Takes the page, and moves on to the next one's place.
    /// - Throws: ``MembusError/historyChanged(now:)`` if it is of another state than the pages before have to be of.
    mutating func take(_ answered: Answered<Asked.Answer>) throws -> ReadPage<Element>
}

struct ReadPage<Element: Sendable>: Sendable {
    var elements: [Element]
    var isLast: Bool
    /// The state that it is of.
    var token: Token
}

struct Paging<List: PagedList>: StepwiseCall {
    typealias Product = ReadPage<List.Element>
    typealias Given = Never

    private(set) var list: List
    /// Of the pages before.
    private var lineage: Lineage?
    /// The broker holds another history; which one is being asked.
    private var isReplaced = false

    init(_ list: List) { self.list = list }

    mutating func begin() -> Action { isReplaced ? .ask(ChangedHistory.question) : .ask(list.asked) }

    mutating func take(_ input: Input) throws -> Action {
        switch input {
        case .passed: return begin()
        case .answered(let answer) where isReplaced: throw try ChangedHistory.error(answer)
        case .answered(let answer): return .hand(try take(answer.answered(to: List.Asked.self)))
        case .failed(let error, _):
            guard !isReplaced, list.isContinuing, ChangedHistory.isTold(by: error) else { throw error }
            isReplaced = true
            return begin()
        }
    }

    private mutating func take(_ answered: Answered<List.Asked.Answer>) throws -> Product {
        if let lineage, lineage != answered.lineage { throw MembusError.historyChanged(now: answered.lineage) }
        let page = try list.take(answered)
        lineage = answered.lineage
        return page
    }
}
