import CProcess
import MembusModel
import MembusSystem

/// Descriptors that the broker keeps back, so that connections can be turned away, rather than left waiting, while its
/// table of open files is full; and what its log says of that.
struct ConnectionReserve {
    private var turnedAway = membus_turned_away()
    private var fault = RepeatedFault()

    /// Ends with ``release()``, once for each.
    static func keep() {
        OpenFiles.raiseLimit()
        membus_reserve_keep()
    }

    static func release() { membus_reserve_release() }

    /// Sees to the reserve, and tells what is new.
    mutating func look(now: Instant) -> Trouble? {
        membus_reserve_refill()
        return look(turnedAway: membus_turned_away(), limit: OpenFiles.limit, now: now)
    }

    mutating func look(turnedAway total: UInt64, limit: UInt64, now: Instant) -> Trouble? {
        defer { turnedAway = total }
        if total > turnedAway {
            return fault.failed(
                "connections are turned away: all \(limit) files that the broker may have open are; "
                    + "raise that limit (ulimit -n, LimitNOFILE), or close connections",
                now: now
            ).map { .begun($0) }
        }
        return fault.worked("connections are taken", now: now).map { .over($0) }
    }
}

/// What the log is told of something that goes wrong for a while.
enum Trouble: Equatable {
    case begun(String)
    case over(String)
}
