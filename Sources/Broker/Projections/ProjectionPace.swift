import MembusModel

/// How long the projections rest after a step, by how fast the commits come: what follows them may not slow them down.
///
/// While they come fast, it takes a twentieth of a processor and lags behind; else a quarter, and catches up.
package struct ProjectionPace: Sendable {
    /// Commits per second.
    private static let fast: Int64 = 500
    private var visible: Revision
    private var looked: Instant

    package init(visible: Revision, now: Instant) {
        self.visible = visible
        looked = now
    }

    /// - Parameters:
    ///   - step: how long the step took that has just ended.
    ///   - visible: V, by now.
    package mutating func rest(after step: Duration, visible: Revision, now: Instant) -> Duration {
        let (risen, passed) = (visible - self.visible, now - looked)
        self.visible = visible
        looked = now
        // More than this many in that time is the same as more than `fast` a second.
        return .seconds(risen) > passed * Int(Self.fast) ? step * 19 : step * 3
    }
}
