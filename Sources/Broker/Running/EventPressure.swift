import MembusBus
import MembusModel

/// What the log says of subscribers that ask for too much: they are disconnected.
struct SubscriptionPressure {
    private var disconnected: Int64 = 0
    private var fault = RepeatedFault()

    /// What is new since the last look.
    mutating func look(disconnected total: Int64, now: Instant) -> Trouble? {
        defer { disconnected = total }
        if total > disconnected {
            return fault.failed(
                "subscribers are disconnected that have more than \(SubscriptionBounds().peer) subscriptions, or the most "
                    + "of more than \(SubscriptionBounds().whole) in all",
                now: now
            ).map { .begun($0) }
        }
        return fault.worked("subscribers keep within their bounds", now: now).map { .over($0) }
    }
}

/// What the log says while events are sent without their records, since too much waits for subscribers that do not read.
struct EventPressure {
    private var short = 0
    private var fault = RepeatedFault()

    /// An event did not go out whole.
    mutating func count() { short += 1 }

    /// What is new since the last look.
    mutating func look(bytesWaiting: Int, now: Instant) -> Trouble? {
        defer { short = 0 }
        if short > 0 {
            return fault.failed(
                "events are announced instead of sent, and views pull them: \(bytesWaiting >> 20) MiB wait for "
                    + "subscribers that do not read them",
                now: now
            ).map { .begun($0) }
        }
        return fault.worked("events are sent whole", now: now).map { .over($0) }
    }
}
