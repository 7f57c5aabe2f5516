/// How the broker fares.
package struct GetStatus: Operation, Hashable {
    package init() {}

    package typealias Answer = BrokerFigures

    package static let traits = Traits("the status", .lookUp(isLong: false), whenBusy: .reserved)
    package var touches: [Touched] { [.store(.upkeep)] }

    package var body: Request.Body { .status(self) }
    package static func body(of answer: Answer) -> Reply.Body { .status(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .status(let answer) = body { answer } else { nil }
    }
}

/// What a broker counts and measures of itself.
public struct BrokerFigures: Hashable, Sendable {
    public var head: Position = .origin
    public var floor: Revision = 0
    public var software: String = ""
    public var uptime: Duration = .zero
    public var transactionsWaiting: Int = 0
    public var readsWaiting: Int = 0
    public var streams: Int = 0
    public var sessions: Int = 0
    public var commits: Int64 = 0
    public var conflicts: Int64 = 0
    public var refused: Int64 = 0
    public var busy: Int64 = 0
    /// Messages that were no requests.
    public var malformed: Int64 = 0
    public var eventsPublished: Int64 = 0
    /// Events too large to travel: announced, then pulled.
    public var eventsAnnounced: Int64 = 0
    public var repliesDropped: Int64 = 0
    public var pulls: Int64 = 0
    public var batches: Int64 = 0
    /// Of the last 1,024 group commits: how long COMMIT with its fsync took.
    public var syncMedian: Duration = .zero
    public var syncP99: Duration = .zero
    /// Of the last 1,024 batches: from the first transaction's arrival to the reply.
    public var commitMedian: Duration = .zero
    public var commitP99: Duration = .zero
    public var walBytes: Int64 = 0
    public var storeBytes: Int64 = 0
    package init() {}
}
