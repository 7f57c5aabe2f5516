/// The end of a session: its client has all outcomes, and sends no more. Whatever comes of it later is never executed.
package struct CloseSession: Operation, Hashable {
    package var session: SessionID

    package init(session: SessionID) { self.session = session }

    package struct Answer: Hashable, Sendable { package init() {} }

    package static let traits = Traits("the closing of a session", .write)
    package var touches: [Touched] { [] }

    package var body: Request.Body { .closeSession(self) }
    package static func body(of answer: Answer) -> Reply.Body { .sessionClosed(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .sessionClosed(let answer) = body { answer } else { nil }
    }
}
