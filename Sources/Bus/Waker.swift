import CZeroMQ
import FoundationEssentials
import Glibc
import Synchronization

/// Wakes the one thread that polls it, from any thread. A signal that follows another costs one atomic
/// exchange until the thread has woken.
package final class Waker: Sendable {
    private let descriptor: Int32
    private let isSignalled = Atomic<Bool>(false)

    /// - Throws: ``BusError`` if the process may open no more files.
    package init() throws(BusError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        if descriptor < 0 { throw BusError(code: errno, action: "open an event descriptor") }
    }

    deinit { _ = Glibc.close(descriptor) }

    package func signal() {
        if isSignalled.exchange(true, ordering: .acquiringAndReleasing) { return }
        var one: UInt64 = 1
        // Fails only if the counter is full, and then the thread is awake anyhow.
        _ = Glibc.write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    /// Called by the polling thread when the waker is readable, *before* it looks at what it was woken for:
    /// what is signalled later wakes it again.
    package func drain() {
        // In this order. Cleared before the read, a signal in between would be read away with its flag left
        // set, and no signal would ever be written again.
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, MemoryLayout<UInt64>.size)
        _ = isSignalled.exchange(false, ordering: .acquiringAndReleasing)
    }

    /// For event loops of others: readable from a signal until ``drain()``.
    package var number: Int32 { descriptor }

    package var readable: PollItem { .readable(descriptor: descriptor) }
}
