import MembusModel
import MembusStore

// What a reader finds out for the core, from its own connection, in bounded pieces:
//
//   asked ─▶ the first piece, by a thread for short ones ─▶ answered
//                 └─ there is more ─▶ further pieces, in turns with others' ─▶ answered
//   asked, and long ─▶ answered: by a thread of its own, in one piece
//   a plan ─▶ answered: by a thread of its own, in one piece; and what is only to be told by another, so that nobody who
//            asks what would be written holds up who writes
//   SQL ─▶ answered: by a thread of its own, in one piece, which asks the index through SearchErrands
//   a search ─▶ waits until the index is far enough, answered: by the thread that keeps the index
//
// So what is soon done passes what is not, whatever its kind: how much there is to look at shows only as it is looked at.

package enum LookUpThread: Sendable {
    case short
    case long
    /// What is to be committed is planned.
    case planning
    /// What would be committed is planned.
    case dryRuns
    /// The index is asked.
    case search
    /// SQL.
    case queries
}

/// Most are operations: each is in a file of its own here.
package protocol LookUp: Sendable {
    associatedtype Answer: Sendable

    /// Whether it takes as long as the store is large, and can't be done in pieces: it has a thread of its own then.
    static var isLong: Bool { get }
    /// Which thread does it, or its first piece.
    static var thread: LookUpThread { get }
    /// For people: "the verification".
    static var name: String { get }
    /// Frees what somebody holds here: done however late, as nobody will ask again.
    var isRelease: Bool { get }

    /// Does a bounded piece.
    /// - Returns: `nil`: there is more to do.
    /// - Throws: what the asker is refused with. What became impossible because compaction overtook the look-up needs
    ///   no care here: ``Desk`` has it asked again.
    mutating func step(at desk: Desk) throws(Refusal) -> Answer?
    /// What the core is told.
    static func result(_ answer: Answer) -> LookUpResult
}

package enum LookUpResult: Sendable {
    case body(Reply.Body)
    /// `nil`: unknown, or below the floor.
    case hash(UInt64?)
    /// `nil`: the thread that commits is to plan it.
    case prepared(PreparedWork?)
}

extension LookUp {
    package static var thread: LookUpThread { isLong ? .long : .short }
    package var isRelease: Bool { false }
}

extension LookUp where Self: Operation {
    package static var isLong: Bool { traits.isLong }
    package static var name: String { traits.name }
    package static func result(_ answer: Answer) -> LookUpResult { .body(body(of: answer)) }
}

/// One that is done in one piece: because there is little to look at, or has a thread of its own.
package protocol LookUpAtOnce: LookUp {
    func answer(by desk: Desk) throws(Refusal) -> Answer
}

extension LookUpAtOnce {
    package func step(at desk: Desk) throws(Refusal) -> Answer? { try answer(by: desk) }
}

/// An operation whose answer the store finds piece by piece.
package protocol LookedUpInPieces: Operation {
    associatedtype Read: StepwiseRead where Read.Answer == Answer
    var read: Read { get }
    /// The state that all of its pages are to be of, which is held until the last one: ``HeldStates``. `nil`: none.
    func heldState(visible: Revision) -> Revision?
    /// Whether there is another page.
    static func goesOn(after page: Answer) -> Bool
}

extension LookedUpInPieces {
    package func heldState(visible: Revision) -> Revision? { nil }
    package static func goesOn(after page: Answer) -> Bool { false }
}

/// Such an operation on its way.
package struct InPieces<Asked: LookedUpInPieces>: LookUp {
    package typealias Answer = Asked.Answer
    package let asked: Asked
    private var read: Asked.Read

    package init(_ asked: Asked) {
        self.asked = asked
        read = asked.read
    }

    package static var isLong: Bool { Asked.traits.isLong }
    package static var name: String { Asked.traits.name }
    package static func result(_ answer: Answer) -> LookUpResult { .body(Asked.body(of: answer)) }

    package mutating func step(at desk: Desk) throws(Refusal) -> Answer? {
        guard let state = asked.heldState(visible: desk.visible) else { return try piece(at: desk) }
        return try desk.page(
            of: state, more: { (page: Answer?) in page.map(Asked.goesOn(after:)) ?? true },
            read: { () throws(Refusal) in try piece(at: desk) })
    }

    private mutating func piece(at desk: Desk) throws(Refusal) -> Answer? {
        try desk.reader.step(&read, looking: desk.pieceWork, visible: desk.visible)
    }
}
