import CZeroMQ
import Foundation
import Synchronization
import Testing

@testable import MembusBus

@Suite struct SignalTests {
    /// ZeroMQ looks for messages of its own when it binds, and gives up with EINTR if a signal comes just then: on an
    /// idle machine some 6 of 1,000 binds in such a storm do. So the storm lasts until bare calls were interrupted ten
    /// times, beside as many of ours; or ten seconds.
    @Test("signals that come while a socket is bound do no harm")
    func storm() throws {
        var action = sigaction()
        // Without SA_RESTART: calls are interrupted. It stays, so that no late signal ends the process.
        action.__sigaction_handler.sa_handler = { _ in Storm.signals.add(1, ordering: .relaxed) }
        #expect(sigaction(SIGUSR2, &action, nil) == 0)

        let storm = Storm()
        let thread = try BusThread.start(name: "in the storm") { storm.bind() }
        while !storm.isOver.load(ordering: .acquiring) {
            let target = storm.target.load(ordering: .acquiring)
            if target != 0 { pthread_kill(target, SIGUSR2) }
        }
        thread.join()
        #expect(storm.failure.withLock { $0 } == nil)
        #expect(Storm.signals.load(ordering: .relaxed) > 0)
    }
}

private final class Storm: Sendable {
    static let signals = Atomic(0)
    let target = Atomic<pthread_t>(0)
    let isOver = Atomic(false)
    let failure = Mutex<String?>(nil)

    func bind() {
        // The threads of the test's runtime have signals blocked, and pass that on.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGUSR2)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        target.store(pthread_self(), ordering: .releasing)
        defer { isOver.store(true, ordering: .releasing) }
        let (anyPort, end) = ("tcp://127.0.0.1:*", ContinuousClock.now + .seconds(10))
        var interrupted = 0
        do {
            let context = try Context()
            while interrupted < 10, ContinuousClock.now < end {
                let bare = try Socket(.router, in: context)
                if zmq_bind(bare.handle, anyPort) != 0, zmq_errno() == EINTR { interrupted += 1 }
                let socket = try Socket(.router, in: context)
                try socket.bind(anyPort)
            }
        } catch { failure.withLock { $0 = "\(error)" } }
    }
}
