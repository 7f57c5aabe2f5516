import Dispatch

/// Waits for what an errand comes to, on a thread that may.
enum Awaited {
    static func product<T: Sendable>(_ begin: (@escaping Telling<T>) -> Void) throws -> T {
        let told = Guarded<Result<T, any Error>?>(nil)
        let isTold = DispatchSemaphore(value: 0)
        begin { result in
            told.withLock { $0 = result }
            isTold.signal()
        }
        isTold.wait()
        return try (told.withLock { $0 } ?? .failure(CancellationError())).get()
    }
}
