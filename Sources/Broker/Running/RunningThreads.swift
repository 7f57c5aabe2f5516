import Synchronization

/// What runs, so that it can be ended: all of it, or as much as was started before something failed to.
final class RunningThreads: Sendable {
    private let ends = Mutex<[@Sendable () -> Void]>([])

    /// - Parameters:
    ///   - isFirstToEnd: the others work for it until it has ended.
    ///   - end: has it end, and waits until it has.
    func add(isFirstToEnd: Bool = false, end: @escaping @Sendable () -> Void) {
        ends.withLock { ends in
            if isFirstToEnd { ends.insert(end, at: 0) } else { ends.append(end) }
        }
    }

    /// Ends each, in the order in which they were started but for the first to end.
    func stop() {
        let all = ends.withLock { ends in
            defer { ends = [] }
            return ends
        }
        for end in all { end() }
    }
}
