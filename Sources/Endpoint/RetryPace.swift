import MembusModel

/// How long to wait after a failure. It has no clock: whoever asks waits.
package struct RetryPace: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// It may be over in a moment. `asked`: how long the endpoint wants to be left alone.
        case passing(asked: Duration?)
        /// A person has to change something first. To ask again costs money, and now and then shows whether it is done.
        case lasting
    }

    package static let first = Duration.seconds(1)
    package static let longest = Duration.seconds(5 * 60)
    /// No endpoint puts us off for longer.
    package static let longestAsked = Duration.seconds(60 * 60)

    private var failures = 0

    package init() {}

    package mutating func reset() { failures = 0 }

    package mutating func pause(after cause: Cause) -> Duration {
        guard case .passing(let asked) = cause else { return Self.longest }
        let doubled = min(Self.first * (1 << min(failures, 16)), Self.longest)
        failures += 1
        // One that says "now" each time would be asked without end.
        return asked.map { min(max($0, Self.first), Self.longestAsked) } ?? doubled
    }
}
