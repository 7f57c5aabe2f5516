import MembusModel

/// Something that fails again and again, as all writing does on a full disk: told at once, then after pauses
/// that double, with how often it happened meanwhile; and once when it works again.
///
/// A success now and then, of what happened to need no room, is no recovery: it must have gone well for a
/// moment first.
struct RepeatedFault {
    private static let firstPause: Duration = .seconds(5)
    private static let longestPause: Duration = .seconds(600)
    private static let moment: Duration = .seconds(2)

    private var pause = firstPause
    private var next: Instant?
    private var last: Instant?
    private var untold = 0
    private var total = 0

    /// - Returns: what to log, if it is time to.
    mutating func failed(_ what: String, now: Instant) -> String? {
        last = now
        total += 1
        if let next, now < next {
            untold += 1
            return nil
        }
        defer { untold = 0 }
        if next != nil { pause = min(pause * 2, Self.longestPause) }
        next = now + pause
        return untold == 0 ? what : "\(what) (and \(untold) times more since last told)"
    }

    /// - Returns: what to log when it works again.
    mutating func worked(_ what: String, now: Instant) -> String? {
        guard let last, now >= last + Self.moment else { return nil }
        defer { self = RepeatedFault() }
        return "\(what) again, after \(total) failure\(total == 1 ? "" : "s")"
    }
}
