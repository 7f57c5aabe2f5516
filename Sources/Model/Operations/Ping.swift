/// Bookmarks of the streams that the request names, on the events' socket and in the reply.
package struct Ping: Operation, Hashable {
    /// Echoed by the bookmarks that are published for it.
    package var nonce: UInt64

    package init(nonce: UInt64) { self.nonce = nonce }

    package struct Answer: Hashable, Sendable {
        /// The broker's monotonic clock in nanoseconds, the one of ``Heartbeat/clock``.
        package var clock: Int64

        package init(clock: Int64) { self.clock = clock }
    }

    package static let traits = Traits("the ping", .inOrder, whenBusy: .answered)
    package var touches: [Touched] { [] }

    package var body: Request.Body { .ping(self) }
    package static func body(of answer: Answer) -> Reply.Body { .pong(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .pong(let answer) = body { answer } else { nil }
    }
}
