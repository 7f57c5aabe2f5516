import Glibc
import Synchronization

/// A value that one thread at a time looks at.
///
/// `Synchronization.Mutex` tells its owner by the thread's number, which it asks the system for once: in a child that
/// somebody forked, the thread that forked goes by its parent's number, and the first wait for a lock that it holds ends
/// the process. Libraries have to work there (Python starts its workers so). The system's mutex does, but costs a cached
/// read a fifth of its time. So the lock itself is a word, and the system's mutex and condition are where waiting threads
/// are parked:
///
///   0   free
///   1   held
///   2   held, and somebody may be parked: whoever lets go wakes one
///
/// A thread parks only after it has set the word to 2 while it holds the mutex, and whoever wakes takes the mutex first, so
/// that no wake-up comes between the two. (Drepper, "Futexes are tricky", the second mutex.)
@usableFromInline
// Safe: what it points to is guarded by the word, and never moves.
package struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
    @usableFromInline let word = Atomic<UInt32>(0)
    @usableFromInline let parking: Parking
    @usableFromInline let value: UnsafeMutablePointer<Value>

    package init(_ initial: consuming sending Value) {
        parking = Parking()
        value = .allocate(capacity: 1)
        value.initialize(to: initial)
    }

    deinit {
        value.deinitialize(count: 1)
        value.deallocate()
    }

    @inlinable
    @inline(__always)
    package borrowing func withLock<Result: ~Copyable, E: Error>(
        _ body: (inout sending Value) throws(E) -> sending Result
    ) throws(E) -> sending Result {
        if !word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { lockSlowly() }
        defer { if word.exchange(0, ordering: .releasing) == 2 { parking.wakeOne() } }
        return try body(&value.pointee)
    }

    /// Who holds it most often lets go within a microsecond.
    @usableFromInline
    borrowing func lockSlowly() {
        for _ in 0..<100 where word.load(ordering: .relaxed) == 0 {
            if word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { return }
        }
        parking.lock()
        while word.exchange(2, ordering: .acquiring) != 0 { parking.park() }
        parking.unlock()
    }
}

/// Where threads wait for a lock.
@usableFromInline
package struct Parking: ~Copyable, @unchecked Sendable {  // both are made for many threads, and never move
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    init() {
        mutex = .allocate(capacity: 1)
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
        condition = .allocate(capacity: 1)
        condition.initialize(to: pthread_cond_t())
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        condition.deallocate()
        pthread_mutex_destroy(mutex)
        mutex.deallocate()
    }

    borrowing func lock() { pthread_mutex_lock(mutex) }
    borrowing func unlock() { pthread_mutex_unlock(mutex) }
    /// With the mutex held; it is let go of meanwhile.
    borrowing func park() { pthread_cond_wait(condition, mutex) }

    @usableFromInline
    borrowing func wakeOne() {
        pthread_mutex_lock(mutex)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }
}
