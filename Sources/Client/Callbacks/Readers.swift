import MembusSystem

/// A list, page by page. One page is read at a time.
package final class PageReader<Element: Sendable>: Cancellable {
    package struct Page: Sendable {
        package let elements: [Element]
        package let isLast: Bool
        /// The state that it is of.
        package let token: Token
    }
    private let errand: any Errands<ReadPage<Element>>
    private let handed = Guarded(HandedPages())
    /// Is told the state of the list, once.
    private let begins: @Sendable (Token) -> Void
    private let begun = Guarded<Token?>(nil)

    init(_ errand: any Errands<ReadPage<Element>>, begins: @escaping @Sendable (Token) -> Void) {
        self.errand = errand
        self.begins = begins
    }

    /// The next page. After the last one: that one's place again, so nothing.
    package func next(then tell: @escaping Telling<Page>) {
        errand.begin { [handed, begun, begins] result in
            if case .success(let page) = result, begun.withLock({ $0 != page.token }) {
                begun.withLock { $0 = page.token }
                begins(page.token)
            }
            tell(
                result.flatMap { page in
                    Result {
                        try handed.withLock { try $0.check(page) }
                        return Page(elements: page.elements, isLast: page.isLast, token: page.token)
                    }
                })
        }
    }

    package func cancel() { errand.cancel() }
}

/// A watch, several changes at a time. One call is under way at a time.
package final class WatchReader: Cancellable {
    private let errand: Errand<Watching>
    /// Followed for as long as somebody watches.
    private let signal: View
    private let heard: @Sendable ([WatchedChange]) -> Void

    init(_ errand: Errand<Watching>, _ signal: View, heard: @escaping @Sendable ([WatchedChange]) -> Void) {
        self.heard = heard
        self.errand = errand
        self.signal = signal
    }

    /// The next changes: at least one, at most so many.
    package func next(most: Int, then tell: @escaping Telling<[WatchedChange]>) {
        errand.begin { [errand, heard] result in
            let changes = result.map { first in [first] + errand.withCall { $0.takeReady(most: most - 1) } }
            if case .success(let changes) = changes { heard(changes) }
            tell(changes)
        }
    }

    package func cancel() { errand.cancel() }
}

/// A view's changes, as many at a time as there are. One call is under way at a time; one that was called off has taken
/// nothing.
package final class ChangeReader: Cancellable {
    private let listener: ChangeListener
    private let waiting = Guarded<Telling<[ViewChanges.Element]>?>(nil)

    package init(_ changes: ViewChanges) {
        listener = ChangeListener(shared: changes.shared, reader: changes.reader)
    }

    /// The next changes: at least one.
    package func next(then tell: @escaping Telling<[ViewChanges.Element]>) {
        waiting.withLock { $0 = tell }
        look()
    }

    private func look() {
        let told = waiting.withLock { waiting -> (@Sendable () -> Void)? in
            guard let tell = waiting else { return {} }
            let result: Result<[ViewChanges.Element], any Error>
            switch listener.poll() {
            case .changes(let changes): result = .success(changes)
            case .closed: result = .failure(MembusError.closed)
            case .nothing: return nil
            }
            waiting = nil
            return { tell(result) }
        }
        if let told { told() } else { listener.whenTold { [weak self] in self?.look() } }
    }

    package func cancel() {
        let tell = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        tell?(.failure(CancellationError()))
    }
}
