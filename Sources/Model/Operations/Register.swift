/// The stream of a branch's topics in a mode.
package struct Register: Operation, Hashable {
    package var branch: BranchName
    package var filter: TopicFilter
    package var mode: StreamMode
    /// Of the newest state that the client knows of; `nil` for a client that knows none.
    package var newest: Token?

    package init(branch: BranchName, filter: TopicFilter, mode: StreamMode, newest: Token?) {
        self.branch = branch
        self.filter = filter
        self.mode = mode
        self.newest = newest
    }

    package typealias Answer = Registered

    package static let traits = Traits("the registration", .inOrder)
    package var touches: [Touched] { [Touched(.read, on: branch, .topics(filter))] }

    package var body: Request.Body { .register(self) }
    package static func body(of answer: Answer) -> Reply.Body { .registered(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .registered(let answer) = body { answer } else { nil }
    }
}

package struct Registered: Hashable, Sendable {
    package var stream: StreamID
    /// Short name of the stream in heartbeats, valid for the generation.
    package var alias: UInt32
    package var generation: UInt64
    /// The client's newest known state is not of this history: drop everything.
    package var reset: Bool

    package init(stream: StreamID, alias: UInt32, generation: UInt64, reset: Bool) {
        self.stream = stream
        self.alias = alias
        self.generation = generation
        self.reset = reset
    }
}

/// *update*: values up to the inline limit travel along. *invalidate*: keys and revisions only.
public enum StreamMode: String, Hashable, Sendable, CaseIterable { case update, invalidate }
