/// What time it is, for whoever must not be misled by a wall clock that is set: a claim ends, or history goes, only by
/// a time that has proved itself.
///
/// The monotonic clock carries the time on from what was trusted before; the wall clock corrects it:
///
/// | The wall clock… | What is done |
/// |---|---|
/// | agrees, within ``slack`` | it is followed, as it is adjusted all the time |
/// | has leapt, either way | nothing, for ``patience``; if it is still there then, it counts from now on |
/// | leaps and comes back within that time | nothing |
/// | is before the last commit at a start | time goes on from that commit, till the clock has stood for ``patience`` |
/// | is after it at a start | it counts at once: how long nobody ran, only it can tell |
/// | says that it is before ``earliest`` | nothing, if anything better is known: it was never set |
package struct SteadyClock: Sendable {
    /// A step that is no leap.
    package static let slack = Duration.seconds(5)
    /// How long a leap has to last.
    package static let patience = Duration.seconds(30)
    /// 2020-01-01. A machine without a clock of its own starts at 1970, or on the day its system was built.
    package static let earliest = Timestamp(milliseconds: 1_577_836_800_000)

    /// In milliseconds: the time is the monotonic clock's and this.
    private var trusted: Int64?
    /// What the wall clock says instead, and since when.
    private var doubted: (offset: Int64, since: Instant)?
    /// The time of the last commit at the start.
    private let start: Timestamp?

    /// - Parameter lastCommit: its time, if there is one: the time is known not to be before it.
    package init(lastCommit: Timestamp?) { start = lastCommit }

    /// What time it is, as both clocks are read. Call it now and then: a leap lasts from the call that saw it.
    package mutating func time(wall: Timestamp, now: Instant) -> Timestamp {
        let told = wall.milliseconds &- now.milliseconds
        guard let trusted else {
            self.trusted = max(wall, start ?? wall).milliseconds &- now.milliseconds
            return time(wall: wall, now: now)
        }
        if abs(told &- trusted) <= Self.slack.wholeMilliseconds {
            (self.trusted, doubted) = (told, nil)
        } else if let doubted, abs(told &- doubted.offset) <= Self.slack.wholeMilliseconds {
            let isUnset = wall < Self.earliest && time(at: now) >= Self.earliest
            if now - doubted.since >= Self.patience, !isUnset { (self.trusted, self.doubted) = (told, nil) }
        } else {
            doubted = (told, now)
        }
        return time(at: now)
    }

    /// The same without a look at the wall clock. Before the first look: the beginning of time.
    package func time(at now: Instant) -> Timestamp {
        Timestamp(milliseconds: trusted.map { $0 &+ now.milliseconds } ?? .min)
    }
}

extension Instant {
    fileprivate var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
