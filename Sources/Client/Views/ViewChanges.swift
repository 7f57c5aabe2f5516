/// What happens to a view's records. Joined by key: a slow reader gets the newest version of each record
/// that changed, once. At most ``mostWaiting`` keys wait; beyond that it is told that everything may have
/// changed.
public struct ViewChanges: AsyncSequence, Sendable {
    public static let mostWaiting = 10_000

    public enum Element: Sendable {
        /// The key's version of this revision. Its record as the view held it when the change was taken:
        /// maybe without its value, `nil` if the view did not hold it.
        case changed(Key, Revision, Record?)
        /// The key has no record any more: as of the revision that deleted it, or of the snapshot that did not name
        /// it any longer.
        case deleted(Key, Revision)
        /// More changed than could be listed, or the history is another one: read again what you need.
        case everything
    }
    let shared: SharedView
    let reader: UInt32

    public func makeAsyncIterator() -> Iterator { Iterator(listener: ChangeListener(shared: shared, reader: reader)) }

    public struct Iterator: AsyncIteratorProtocol, Sendable {
        let listener: ChangeListener
        private var batch: ArraySlice<Element> = []

        init(listener: ChangeListener) { self.listener = listener }

        /// - Returns: `nil` once the view is closed, or the task cancelled.
        public mutating func next() async -> Element? {
            while batch.isEmpty {
                guard let more = await listener.next() else { return nil }
                batch = more[...]
            }
            return batch.removeFirst()
        }
    }
}
