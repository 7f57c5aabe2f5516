import MembusSystem

/// What a view takes from the machine that it runs on; a seeded world gives its own.
struct ViewEnvironment: Sendable {
    /// The clock that the moments of the view's machine are of.
    var now: @Sendable () -> Instant = { Instant.now }
    /// Of the cache's index. Nobody who chooses keys may guess it.
    var hashSeed: UInt64 = .random(in: .min ... .max)
}
