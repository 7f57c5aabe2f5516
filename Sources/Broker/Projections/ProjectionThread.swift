import Dispatch
import Logging
import MembusBus
import MembusModel
import MembusStore
import Synchronization

/// V, for those who are not on the bus thread: what they see is V or was V.
final class VisibleRevision: Sendable {
    private let revision: Atomic<Revision>

    init(_ revision: Revision) { self.revision = Atomic(revision) }
    func rise(to revision: Revision) { self.revision.store(revision, ordering: .releasing) }
    var newest: Revision { revision.load(ordering: .acquiring) }
}

/// The life of the thread that counts beside the commits. It looks at V now and then, reads only if V has risen, and
/// rests after each step by its ``ProjectionPace``. What it lags behind by is told with what it counted.
final class ProjectionThread: Sendable {
    private static let pause: Duration = .milliseconds(200)
    private let stopped = Atomic<Bool>(false)
    private let wake = DispatchSemaphore(value: 0)
    private let thread = Mutex<BusThread?>(nil)

    init(_ reader: Reader, visible: VisibleRevision, counts: Posted<MemoryCounts>, log: Logger) throws {
        let thread = try BusThread.start(name: "membus-project") { [self] in
            // Short reads: a log whose end somebody reads can't be written from its start again.
            var feed = ProjectionFeed(Counts(), budget: 100)
            var fault = RepeatedFault()
            var pace = ProjectionPace(visible: visible.newest, now: .now)
            var done: Revision = -1
            while !stopped.load(ordering: .acquiring) {
                let newest = visible.newest
                guard newest != done else {
                    wait(Self.pause)
                    continue
                }
                let started = Instant.now
                do throws(Refusal) {
                    let more = try feed.step(upTo: newest, from: reader)
                    if let line = fault.worked("records are counted", now: .now) { log.notice("\(line)") }
                    if !more { done = newest }
                    if let told = feed.projection.told { counts.post(told) }
                    let now = Instant.now
                    wait(pace.rest(after: now - started, visible: visible.newest, now: now))
                } catch {
                    if let line = fault.failed("records were not counted: \(error.message)", now: .now) {
                        log.warning("\(line)")
                    }
                    wait(Self.pause)
                }
            }
        }
        self.thread.withLock { $0 = thread }
    }

    private func wait(_ time: Duration) { _ = wake.wait(timeout: .now() + .nanoseconds(Int(time.wholeNanoseconds))) }

    /// Ends after the step that is under way, and waits for it.
    func stop() {
        stopped.store(true, ordering: .releasing)
        wake.signal()
        thread.withLock { $0 }?.join()
    }
}
