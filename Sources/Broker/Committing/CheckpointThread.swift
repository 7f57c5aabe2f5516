import Dispatch
import Logging
import MembusBus
import MembusModel
import MembusStore
import MembusSystem
import Synchronization

/// Checkpoints the write-ahead log from a thread of its own: done inline, as SQLite does by default,
/// it would make every thousandth commit wait for it.
final class CheckpointThread: Sendable {
    private static let pause: Duration = .milliseconds(200)
    private let stopped = Atomic<Bool>(false)
    private let wake = DispatchSemaphore(value: 0)
    private let thread = Mutex<BusThread?>(nil)

    /// - Parameter chores: what else is to be seen to now and then.
    init(_ checkpointer: Checkpointer, log: Logger, chores: @escaping @Sendable () -> Void) throws {
        let thread = try BusThread.start(name: "membus-ckpt") { [self] in
            var fault = RepeatedFault()
            while !stopped.load(ordering: .acquiring) {
                _ = wake.wait(timeout: .now() + .nanoseconds(Int(Self.pause.wholeNanoseconds)))
                chores()
                do throws(StoreError) {
                    try checkpointer.run()
                    if let line = fault.worked("the write-ahead log is checkpointed", now: .now) {
                        log.notice("\(line)")
                    }
                } catch {
                    if error.isFatal { die("the store failed: \(error)", log) }
                    if let line = fault.failed("the write-ahead log was not checkpointed: \(error.message)", now: .now)
                    {
                        log.warning("\(line)")
                    }
                }
            }
        }
        self.thread.withLock { $0 = thread }
    }

    /// Checkpoints what is left, and waits for it.
    func stop() {
        stopped.store(true, ordering: .releasing)
        wake.signal()
        thread.withLock { $0 }?.join()
    }
}
