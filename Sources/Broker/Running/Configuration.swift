import MembusEndpoint
import MembusModel
import MembusStore

/// How a broker is set up. The defaults suit a laptop; `membus serve --config FILE` reads the same names from JSON.
package struct Configuration: Sendable {
    /// Where the store lives; created if missing.
    package var dataDirectory: String
    /// ZeroMQ endpoints for requests, and for events. `tcp://127.0.0.1:*` takes a free port.
    package var requests: [String]
    package var events: [String]
    /// What clients are told instead of ``events``, where they reach those through something else: a proxy, a
    /// forwarded port. Empty: the truth.
    package var advertisedEvents: [String] = []
    /// Whether ``requests`` and ``events`` may be where other machines reach them, though there are no rights yet.
    package var isInsecure = false
    package var limits = Limits()
    package var retention = Retention()
    /// How often heartbeats are published. Clients take a view for stale after 2 s of silence.
    package var heartbeat: Duration = .milliseconds(250)
    /// Larger values are announced, and fetched on first use; in bytes.
    package var inlineValueBytes = 16 << 10
    /// Larger events are announced, and pulled; in bytes.
    package var eventBytes = 64 << 10
    /// Events queued for one subscriber before it loses some; it notices and pulls.
    package var eventMark: Int32 = 4000
    /// Replies queued for one client before it loses some; it sends its request again.
    package var replyMark: Int32 = 4000
    /// Requests that wait before "busy, retry".
    package var writesWaiting = 16_384
    package var writeBytesWaiting = 128 << 20
    package var readsWaiting = 4096
    package var readers = 2
    /// Who embeds passages and questions; `nil`: the model that is found.
    package var embedding: EmbeddingEndpoint?
    /// The broker tells its owner that it has had no clients for so long; `nil`: never.
    package var idle: Duration?

    package init(
        dataDirectory: String, requests: [String] = ["tcp://127.0.0.1:7401"],
        events: [String] = ["tcp://127.0.0.1:7402"]
    ) {
        self.dataDirectory = dataDirectory
        self.requests = requests
        self.events = events
    }
}
