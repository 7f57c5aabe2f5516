import Synchronization

/// One iteration over a view's changes: it waits until the cache's feed has something for it.
final class ChangeListener: Sendable {
    private struct State {
        var waiter: CheckedContinuation<Void, Never>?
        /// Told while nobody waited.
        var isTold = false
        var isClosed = false
    }
    private let shared: SharedView
    private let feed: Int
    private let state = Mutex(State())

    init(shared: SharedView) {
        self.shared = shared
        feed = shared.openFeed()
        shared.add(self)
    }

    deinit { shared.closeFeed(feed) }

    /// - Returns: at least one element; `nil`: the view is closed, or the task cancelled.
    func next() async -> [ViewChanges.Element]? {
        while !Task.isCancelled {
            let news = shared.news(feed)
            if !news.isEmpty { return news }
            if state.withLock({ $0.isClosed }) { return nil }
            await untilTold()
        }
        return nil
    }

    func tell() { wake { $0.isTold = true } }
    func close() { wake { $0.isClosed = true } }

    private func untilTold() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isTold = state.withLock { state in
                    if state.isTold || state.isClosed {
                        state.isTold = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isTold { continuation.resume() }
            }
        } onCancel: {
            tell()
        }
    }

    private func wake(_ body: (inout sending State) -> Void) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            body(&state)
            defer { state.waiter = nil }
            if state.waiter != nil { state.isTold = false }
            return state.waiter
        }
        waiter?.resume()
    }
}
