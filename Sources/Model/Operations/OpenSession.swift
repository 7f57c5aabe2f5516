/// A new session of an agent; its id is random, and durable.
package struct OpenSession: Operation, Hashable {
    /// The author of the session's commits.
    @ByBytes package var agent: String

    package init(agent: String) { self.agent = agent }

    package typealias Answer = SessionID

    package static let traits = Traits("the opening of a session", .write)
    package var touches: [Touched] { [] }

    package var body: Request.Body { .openSession(self) }
    package static func body(of answer: Answer) -> Reply.Body { .session(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .session(let answer) = body { answer } else { nil }
    }
}
