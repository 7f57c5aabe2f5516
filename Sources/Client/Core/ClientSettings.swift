/// What a client can be told, and the pauses and bounds that it keeps.
struct ClientSettings: Sendable {
    /// Of the request socket.
    var endpoint: String
    var agent: String
    var context: String
    var branch: BranchName
    /// How long a call waits unless it says otherwise.
    var timeout: Duration

    /// What the broker answers is put on record in no context, too, and so counts for all that the connection does.
    var recordsAll = false

    /// An unanswered request is sent again after this, then after twice as long, and so on.
    var resend: Duration = .milliseconds(1000)
    var resendLongest: Duration = .seconds(8)
    /// The pause after "busy", which doubles too.
    var busy: Duration = .milliseconds(20)
    var busyLongest: Duration = .seconds(1)
    /// Nothing heard for this long: the broker is asked, and the connection counts as lost.
    var silence: Duration = .seconds(2)
    /// The broker answers, and no event came for this long: its owner is told, and watches read the log instead…
    var eventless: Duration = .seconds(3)
    /// …once in this time.
    var pollEvery: Duration = .seconds(3)
    /// Requests unanswered and nothing received on their socket for this long: a new socket.
    var reopen: Duration = .seconds(5)
    var reopenLongest: Duration = .seconds(30)
    /// Streams live while they are named at least every 10 s.
    var keepAlive: Duration = .seconds(5)
    var noteReads: Duration = .milliseconds(400)

    /// Calls under way; more are refused as busy.
    var mostCalls = 100_000
    /// Transactions sent and not yet decided. The broker keeps the outcomes of 256.
    var mostInFlight = 128
    var mostBytesInFlight = 32 << 20
    /// First reads that wait to be sent; the oldest are dropped beyond it.
    var mostNotedReads = 1 << 16
    var notedReadsPerRequest = 1000
    /// What each view waits for and holds.
    var views = ViewMachine.Bounds()
}
