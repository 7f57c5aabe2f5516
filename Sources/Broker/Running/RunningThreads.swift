import Synchronization

/// What runs, in the order in which it was started, so that it can be ended: all of it, or as much as was started before
/// something failed to.
final class RunningThreads: Sendable {
    private let ends = Mutex<[@Sendable () -> Void]>([])

    /// - Parameter end: has it end, and waits until it has.
    func add(end: @escaping @Sendable () -> Void) { ends.withLock { $0.append(end) } }

    /// Ends each, the first first: the bus thread finishes what is under way while the others still work for it.
    func stop() {
        let all = ends.withLock { ends in
            defer { ends = [] }
            return ends
        }
        for end in all { end() }
    }
}
