/// One kind of request, declared once: what is asked for, what comes back, and what both ends must know to treat it
/// right. Its messages are in Wire/Operations, how a reader answers it in Broker/LookUps, how agents ask for it in
/// Client/Operations, each in a file of the same name.
///
/// `Foundation` declares another `Operation`: files that need both import FoundationEssentials instead.
package protocol Operation: Sendable, Equatable {
    associatedtype Answer: Sendable

    static var traits: Traits { get }
    /// What it reads or changes, and with what right: what the gate judges.
    var touches: [Touched] { get }

    // Its places in the lists of Operations.swift.

    var body: Request.Body { get }
    static func body(of answer: Answer) -> Reply.Body
    /// - Returns: `nil`: the reply is to another kind of request, or a refusal.
    static func answer(in body: Reply.Body) -> Answer?
}

/// What all requests of one kind have in common.
package struct Traits: Sendable {
    /// Who answers.
    package enum Path: Hashable, Sendable {
        /// The broker's core, at the request's place in the serial order.
        case inOrder
        /// A reader, from its own connection, as of what was visible when the request came; in bounded pieces, between
        /// which it sees to others. A long one takes as long as the store is large, in one piece: it has a thread of its
        /// own, so that no other waits behind it.
        case lookUp(isLong: Bool)
        /// The commit thread, with everything that is written together with it.
        case write
    }

    /// What becomes of it while the broker's queues are full.
    package enum WhenBusy: Hashable, Sendable {
        case refused
        /// It has a little room of its own: a look at a busy broker must be possible.
        case reserved
        /// It costs nothing, and keeps clients going.
        case answered
    }

    /// For people: "the digest".
    package let name: String
    package let path: Path
    /// How long the broker may take over it before the client sends it again; `nil`: as long as over anything.
    package let patience: Duration?
    /// Work on the store that somebody asked for by hand, and looks at: what the disk says about it is told at once,
    /// as it seldom passes by itself, and each try may take minutes.
    package let isUpkeep: Bool
    package let whenBusy: WhenBusy
    /// Whether "busy, ask again" may take the place of an answer that its client is too slow to receive. Never of a
    /// write's: it would say that nothing was decided.
    package let yieldsToBusy: Bool

    package init(
        _ name: String, _ path: Path, patience: Duration? = nil, isUpkeep: Bool = false, whenBusy: WhenBusy = .refused,
        yieldsToBusy: Bool = false
    ) {
        self.name = name
        self.path = path
        self.patience = patience
        self.isUpkeep = isUpkeep
        self.whenBusy = whenBusy
        self.yieldsToBusy = yieldsToBusy
    }

    package var isLong: Bool { path == .lookUp(isLong: true) }
}

/// Something that a request reads or changes.
package struct Touched: Hashable, Sendable {
    package enum Right: Hashable, Sendable {
        case read
        case write
        /// Work on the store as a whole: its figures, its history's end, copies of it.
        case upkeep
    }

    package enum Thing: Hashable, Sendable {
        case keys([Key])
        case topics(TopicFilter)
        /// What the stream was registered for.
        case stream(StreamID)
        /// Names of branches, and the branch's making.
        case branches
        /// All that the store holds.
        case store
    }

    package let right: Right
    /// `nil`: every branch.
    package let branch: BranchName?
    package let thing: Thing

    package init(_ right: Right, on branch: BranchName?, _ thing: Thing) {
        self.right = right
        self.branch = branch
        self.thing = thing
    }

    package static func store(_ right: Right) -> Touched { Touched(right, on: nil, .store) }
}
