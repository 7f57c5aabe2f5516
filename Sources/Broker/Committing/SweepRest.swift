import MembusModel

/// When the sweep rests: while the write-ahead log is large.
///
/// The log begins anew once all of it is checkpointed and nobody reads what was before. A sweep can write faster than
/// checkpoints follow, since its steps write the same pages again and again: one of 60,000 revisions put 40 MiB a second
/// into a log that no reader held. And while somebody does read, the log keeps
/// every one of those pages. Neither lasts: checkpoints catch up, and a backup is done soon. Whoever reads for longer (a command
/// that was stopped) has the log grow in any case, and holds up no sweep.
struct SweepRest {
    /// A log with more in use than this is large, in bytes.
    static let largest: Int64 = 64 << 20
    static let longest: Duration = .seconds(30)
    private var since: Instant?

    /// - Parameter bytes: how much of the log is in use.
    mutating func isDue(bytes: Int64, now: Instant) -> Bool {
        guard bytes > Self.largest else {
            since = nil
            return false
        }
        let since = since ?? now
        self.since = since
        return now - since < Self.longest
    }
}
