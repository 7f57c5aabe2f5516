import Dispatch
import Foundation
import Membus
import Synchronization

/// How commands that run until somebody ends them are ended: by SIGINT, SIGTERM, or a reader of their output
/// that goes away. None of these is an error.
enum Endings {
    /// Ends the process with 0, at once: for commands that have nothing to save.
    static func endProcess(watching output: Output) -> Task<Void, Never> {
        Task {
            await first(watching: output)
            // The command came to its own end, maybe with an error to tell.
            if Task.isCancelled { return }
            output.settle()
            exit(CommandExit.done.rawValue)
        }
    }

    /// Returns once one of them has come, or the task is cancelled.
    static func first(watching output: Output?) async {
        let (endings, continuation) = AsyncStream.makeStream(of: Int32.self)
        let queue = DispatchQueue(label: "membus.endings")
        let signals = listen(on: queue, continuation)
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { if output?.isReaderGone == true { continuation.yield(0) } }
        timer.resume()
        for await _ in endings { break }
        for source in signals { source.cancel() }
        timer.cancel()
    }

    /// For work that has something to clean up: a signal cancels it, and ends the process once it has come to its end,
    /// as it would have without all this. A second one does not wait for that.
    static func cleaningUp<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
        let (endings, continuation) = AsyncStream.makeStream(of: Int32.self)
        let signals = listen(on: DispatchQueue(label: "membus.endings"), continuation)
        defer { for source in signals { source.cancel() } }
        let told = Mutex<Int32>(0)
        let task = Task { try await work() }
        let ending = Task {
            for await number in endings {
                if told.withLock({ told in
                    defer { told = number }
                    return told != 0
                }) { die(by: number) }
                task.cancel()
            }
        }
        defer { ending.cancel() }
        do { return try await task.value } catch {
            let number = told.withLock { $0 }
            if number != 0 { die(by: number) }
            throw error
        }
    }

    private static let ignored = Mutex<Set<Int32>>([])

    private static func die(by number: Int32) -> Never {
        signal(number, SIG_DFL)
        // Dispatch, which listens to signals through a descriptor, may have blocked it.
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, number)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(number)
        _exit(128 + number)
    }

    private static func listen(
        on queue: DispatchQueue, _ continuation: AsyncStream<Int32>.Continuation
    ) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM, SIGHUP].map { number in
            // Once: Dispatch puts a handler of its own in its place, which must stay for the sources that come later.
            if ignored.withLock({ $0.insert(number).inserted }) { _ = signal(number, SIG_IGN) }
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
    }
}
