import MembusBus

/// One iteration over a view's changes: it waits until the cache's feed has something for it.
final class ChangeListener: Sendable {
    private struct State {
        var waiter: (@Sendable () -> Void)?
        /// Told while nobody waited.
        var isTold = false
        var isClosed = false
    }
    private let shared: SharedView
    private let feed: Int
    private let reader: UInt32
    private let state = Lock(State())

    init(shared: SharedView, reader: UInt32) {
        self.shared = shared
        self.reader = reader
        feed = shared.openFeed()
        shared.add(self)
    }

    deinit { shared.closeFeed(feed) }

    /// - Returns: at least one element; `nil`: the view is closed, or the task cancelled.
    func next() async -> [ViewChanges.Element]? {
        while !Task.isCancelled {
            switch poll() {
            case .changes(let changes): return changes
            case .closed: return nil
            case .nothing: await untilTold()
            }
        }
        return nil
    }

    enum Found {
        /// At least one.
        case changes([ViewChanges.Element])
        case nothing
        case closed
    }

    func poll() -> Found {
        let news = shared.news(feed, by: reader)
        if !news.isEmpty { return .changes(news) }
        return state.withLock { $0.isClosed } ? .closed : .nothing
    }

    /// Has `go` run, once, when there may be something: at once, if that was told while nobody waited.
    func whenTold(_ go: @escaping @Sendable () -> Void) {
        let isTold = state.withLock { state in
            if state.isTold || state.isClosed {
                state.isTold = false
                return true
            }
            state.waiter = go
            return false
        }
        if isTold { go() }
    }

    func tell() { wake { $0.isTold = true } }
    func close() { wake { $0.isClosed = true } }

    private func untilTold() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in whenTold { continuation.resume() } }
        } onCancel: {
            tell()
        }
    }

    private func wake(_ body: (inout sending State) -> Void) {
        let waiter = state.withLock { state -> (@Sendable () -> Void)? in
            body(&state)
            defer { state.waiter = nil }
            if state.waiter != nil { state.isTold = false }
            return state.waiter
        }
        waiter?()
    }
}
