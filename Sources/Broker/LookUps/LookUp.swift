import MembusModel

/// What a reader finds out for the core, from its own connection. Most are operations: each is in a file of its own
/// here.
package protocol LookUp: Sendable {
    associatedtype Answer: Sendable

    /// Whether it takes as long as the store is large: it has a thread of its own then.
    static var isLong: Bool { get }
    /// Frees what somebody holds here: done however late, as nobody will ask again.
    var isRelease: Bool { get }

    /// - Throws: what the asker is refused with. What became impossible because compaction overtook the look-up needs
    ///   no care here: ``Desk`` has it asked again.
    func answer(by desk: Desk) throws(Refusal) -> Answer
    /// What the core is told.
    static func result(_ answer: Answer) -> LookUpResult
}

package enum LookUpResult: Sendable {
    case body(Reply.Body)
    /// `nil`: unknown, or below the floor.
    case hash(UInt64?)
}

extension LookUp {
    package var isRelease: Bool { false }
}

extension LookUp where Self: Operation {
    package static var isLong: Bool { traits.isLong }
    package static func result(_ answer: Answer) -> LookUpResult { .body(body(of: answer)) }
}
