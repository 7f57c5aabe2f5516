import Dispatch
import Glibc
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

    /// - Parameters:
    ///   - running: what this process itself reads for.
    ///   - held: where it is told if somebody keeps the log from being written back.
    ///   - chores: what else is to be seen to now and then.
    init(
        _ checkpointer: Checkpointer, running: RunningLookUps, held: Posted<HeldLog>, log: Logger,
        chores: @escaping @Sendable () -> Void
    ) throws {
        let thread = try BusThread.start(name: "membus-ckpt") { [self] in
            var fault = RepeatedFault()
            var holding = RepeatedFault()
            var watch = LogWatch(largest: 4 * checkpointer.largest)
            while !stopped.load(ordering: .acquiring) {
                _ = wake.wait(timeout: .now() + .nanoseconds(Int(Self.pause.wholeNanoseconds)))
                chores()
                do throws(StoreError) {
                    try checkpointer.run()
                    if let line = fault.worked("the write-ahead log is checkpointed", now: .now) {
                        log.notice("\(line)")
                    }
                    let hold = Self.look(at: checkpointer, by: &watch, running)
                    held.post(hold)
                    if let hold {
                        if let line = holding.failed(hold.told, now: .now) { log.warning("\(line)") }
                    } else if let line = holding.worked("the write-ahead log is written back", now: .now) {
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

    private static func look(
        at checkpointer: Checkpointer, by watch: inout LogWatch, _ running: RunningLookUps
    ) -> HeldLog? {
        let now = Instant.now
        let (left, bytes) = checkpointer.state
        return watch.look(left: left, now: now) { Processes.readers(ofLogAt: checkpointer.index) }.map {
            HeldLog($0, bytes: bytes, running: running.all, own: getpid(), now: now, name: Processes.name)
        }
    }

    /// Checkpoints what is left, and waits for it.
    func stop() {
        stopped.store(true, ordering: .releasing)
        wake.signal()
        thread.withLock { $0 }?.join()
    }
}
