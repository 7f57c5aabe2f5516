import Foundation
import MembusModel
import MembusStore

/// How a broker is set up. The defaults suit a laptop; `membus serve --config FILE` reads the same names from JSON.
public struct Configuration: Sendable {
    /// Where the store lives; created if missing.
    public var dataDirectory: String
    /// ZeroMQ endpoints for requests, and for events. `tcp://127.0.0.1:*` takes a free port.
    public var requests: [String]
    public var events: [String]
    /// What clients are told instead of ``events``, where they reach those through something else: a proxy, a
    /// forwarded port. Empty: the truth.
    public var advertisedEvents: [String] = []
    public var limits = Limits()
    public var retention = Retention()
    /// How often heartbeats are published. Clients take a view for stale after 2 s of silence.
    public var heartbeat: Duration = .milliseconds(250)
    /// Larger values are announced, and fetched on first use; in bytes.
    public var inlineValueBytes = 16 << 10
    /// Larger events are announced, and pulled; in bytes.
    public var eventBytes = 64 << 10
    /// Events queued for one subscriber before it loses some; it notices and pulls.
    public var eventMark: Int32 = 4000
    /// Replies queued for one client before it loses some; it sends its request again.
    public var replyMark: Int32 = 4000
    /// Requests that wait before "busy, retry".
    public var writesWaiting = 16_384
    public var writeBytesWaiting = 128 << 20
    public var readsWaiting = 4096
    public var readers = 2

    public init(
        dataDirectory: String, requests: [String] = ["tcp://127.0.0.1:7401"],
        events: [String] = ["tcp://127.0.0.1:7402"]
    ) {
        self.dataDirectory = dataDirectory
        self.requests = requests
        self.events = events
    }
}
