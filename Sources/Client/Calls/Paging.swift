// A list that is read page by page.
//
//   ask ─▶ a page: hand ─▶ [the owner wants more] ─▶ ask, from where it ended ─▶ … ─▶ the last page
//    ├─ refused, as the history that it goes on from is none of the broker's ─▶ ask which it holds ─▶ throw
//    └─ refused, as compaction overtook a list that names no state ─▶ ask, from the beginning
//
// Invariants: all pages are of one lineage; where the kind of list says so, of one state, since the last page that begins
// anew. A page that failed is asked for again from the same place.

/// What is read in pages, and where its next page starts.
protocol PagedList: Sendable {
    associatedtype Element: Sendable
    associatedtype Asked: Operation

    /// The request for the next page.
    var asked: Asked { get }
    /// Whether that goes on from a state that was read before.
    var isContinuing: Bool { get }
    /// The same list at its first page, if any newer state does as well: whoever asked named none.
    var begunAnew: Self? { get }

    /// Takes the page, and moves on to the next one's place.
    /// - Throws: ``MembusError/historyChanged(now:)`` if it is of another state than the pages before have to be of.
    mutating func take(_ answered: Answered<Asked.Answer>) throws -> ReadPage<Element>
}

struct ReadPage<Element: Sendable>: Sendable {
    var elements: [Element]
    var isLast: Bool
    /// The state that it is of.
    var token: Token
    /// Compaction overtook the pages before: they are void, and this is the first one of a newer state.
    var isBegunAnew = false
}

struct Paging<List: PagedList>: StepwiseCall {
    typealias Product = ReadPage<List.Element>
    typealias Given = Never

    private(set) var list: List
    /// Of the pages before.
    private var lineage: Lineage?
    /// The broker holds another history; which one is being asked.
    private var isReplaced = false
    private var isBegunAnew = false
    private var beginnings = 0
    /// A list that is overtaken so often would never come to its end.
    static var mostBeginnings: Int { 8 }

    init(_ list: List) { self.list = list }

    mutating func begin() -> Action { isReplaced ? .ask(ChangedHistory.question) : .ask(list.asked) }

    mutating func take(_ input: Input) throws -> Action {
        switch input {
        case .passed: return begin()
        case .answered(let answer) where isReplaced: throw try ChangedHistory.error(answer)
        case .answered(let answer): return .hand(try take(answer.answered(to: List.Asked.self)))
        case .failed(let error, _):
            if let anew = try begunAnew(after: error) { return anew }
            guard !isReplaced, list.isContinuing, ChangedHistory.isTold(by: error) else { throw error }
            isReplaced = true
            return begin()
        }
    }

    private mutating func begunAnew(after error: any Error) throws -> Action? {
        guard !isReplaced, list.isContinuing, case MembusError.refused(let refusal) = error,
            refusal.code == .belowFloor, let anew = list.begunAnew, beginnings < Self.mostBeginnings
        else { return nil }
        list = anew
        beginnings += 1
        isBegunAnew = true
        return begin()
    }

    private mutating func take(_ answered: Answered<List.Asked.Answer>) throws -> Product {
        if let lineage, lineage != answered.lineage { throw MembusError.historyChanged(now: answered.lineage) }
        var page = try list.take(answered)
        lineage = answered.lineage
        (page.isBegunAnew, isBegunAnew) = (isBegunAnew, false)
        return page
    }
}
