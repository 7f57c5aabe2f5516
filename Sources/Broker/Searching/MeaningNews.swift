import Synchronization

/// That something about meaning has changed: a model is there, a question has its vector, or will have none. Who waits for that
/// need not look before.
final class MeaningNews: Sendable {
    private let count = Atomic<Int>(0)
    private let wake: @Sendable () -> Void

    /// - Parameter wake: has the thread that keeps the index look.
    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// How often there was any.
    var latest: Int { count.load(ordering: .acquiring) }

    func tell() {
        count.add(1, ordering: .acquiringAndReleasing)
        wake()
    }
}
