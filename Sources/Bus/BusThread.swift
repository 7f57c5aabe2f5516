import CZeroMQ
import Dispatch
import Glibc

/// A thread that owns sockets for as long as it runs.
///
/// Ports are opened on the thread itself, and never leave it: what they have to say to others (the endpoints
/// that they took) is reported, and an error in opening them is thrown to whoever started the thread.
package final class BusThread: Sendable {
    private let thread: pthread_t
    private let isJoined = Lock(false)

    private init(_ thread: pthread_t) { self.thread = thread }

    /// Starts a thread.
    /// - Parameter name: shown by tools; the first 15 bytes count.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(BusError) -> BusThread {
        let work = Unmanaged.passRetained(Work(name: name, body: body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
        guard code == 0 else {
            work.release()
            throw BusError(code: code, action: "start the thread \(name)")
        }
        return BusThread(thread)
    }

    /// Starts a thread, opens its ports there, and returns once they are open.
    /// - Parameters:
    ///   - open: opens the ports. What it throws is thrown here, and the thread ends.
    ///   - report: what others must know of them.
    ///   - run: the thread's life; it ends when this returns.
    package static func start<Ports: ~Copyable, Report: Sendable>(
        name: String, open: @escaping @Sendable () throws -> Ports,
        report: @escaping @Sendable (borrowing Ports) -> Report,
        run: @escaping @Sendable (consuming Ports) -> Void
    ) throws -> (BusThread, Report) {
        let opened = Handover<Report>()
        let thread = try start(name: name) {
            let ports: Ports
            do { ports = try open() } catch {
                opened.put(.failure(error))
                return
            }
            opened.put(.success(report(ports)))
            run(ports)
        }
        do { return (thread, try opened.take().get()) } catch {
            thread.join()
            throw error
        }
    }

    /// Waits until the thread has ended. A second call, or one from the thread itself, returns at once.
    package func join() {
        if pthread_equal(thread, pthread_self()) != 0 { return }
        let isFirst = isJoined.withLock { isJoined in
            defer { isJoined = true }
            return !isJoined
        }
        if isFirst { pthread_join(thread, nil) }
    }

    deinit { if !isJoined.withLock({ $0 }) { pthread_detach(thread) } }
}

private final class Work: Sendable {
    private let name: String
    private let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
    func run() {
        _ = pthread_setname_np(pthread_self(), String(name.prefix(15)))
        body()
    }
}

/// A value that one thread waits for and another brings.
private final class Handover<Value: Sendable>: Sendable {
    private let value = Lock<Result<Value, any Error>?>(nil)
    private let arrived = DispatchSemaphore(value: 0)

    func put(_ result: Result<Value, any Error>) {
        value.withLock { $0 = result }
        arrived.signal()
    }
    func take() -> Result<Value, any Error> {
        arrived.wait()
        return value.withLock { $0 } ?? .failure(CancellationError())
    }
}
