import ArgumentParser
import Membus
import MembusSystem

/// A moment in the past as people write it: how long ago (`2h`), a date (`2026-03-01`, meaning its start in
/// UTC), a date and time (ISO 8601), or milliseconds since 1970.
struct Moment: ExpressibleByArgument, Sendable {
    let timestamp: Timestamp

    init?(argument: String) { self.init(argument, now: .now) }

    static func read(_ text: String) throws -> Moment {
        guard let moment = Moment(argument: text) else {
            throw ValidationError(
                "write how long ago (2h, 1h30m, 7d), a date (2026-03-01), date and time (2026-03-01T12:00:00Z), "
                    + "or milliseconds since 1970")
        }
        return moment
    }

    init?(_ text: String, now: Timestamp) {
        if text.utf8.count >= 11, let milliseconds = Int64(text) {
            timestamp = Timestamp(milliseconds: milliseconds)
        } else if let span = Span(parsing: text) {
            timestamp = Timestamp(milliseconds: now.milliseconds - span.duration.wholeMilliseconds)
        } else if let time = Timestamp(written: text) {
            timestamp = time
        } else {
            return nil
        }
    }
}

extension Timestamp {
    /// In UTC, to the second: `2026-03-01T12:00:00Z`.
    var shown: String { written }
}
