import Dispatch
import Foundation
import Membus

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
        let (endings, continuation) = AsyncStream.makeStream(of: Void.self)
        let queue = DispatchQueue(label: "membus.endings")
        let signals = [SIGINT, SIGTERM, SIGHUP].map { number in
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield() }
            source.resume()
            return source
        }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { if output?.isReaderGone == true { continuation.yield() } }
        timer.resume()
        for await _ in endings { break }
        for source in signals { source.cancel() }
        timer.cancel()
    }
}
