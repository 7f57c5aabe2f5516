import MembusModel

/// How long the projections rest after a step, by how fast the commits come: what follows them may not slow them down.
///
/// A quarter of a processor up to 150 commits a second, ever less beyond, down to a hundredth from 5,000 on: there it
/// could not keep up with a whole one.
package struct ProjectionPace: Sendable {
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
        guard passed > .zero else { return step * 3 }
        let rate = Duration.seconds(risen) / passed
        return step * Int(max(3, min(99, rate / 50)))
    }
}
