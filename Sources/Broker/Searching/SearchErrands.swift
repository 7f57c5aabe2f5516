import Dispatch
import MembusModel
import MembusSearch
import MembusStore
import Synchronization

/// How a thread that does not keep the index asks it: it waits for the one that does.
final class SearchErrands: Sendable {
    private final class Errand: Sendable {
        let search: Search
        let end: Instant
        let isDone = DispatchSemaphore(value: 0)
        let result = Mutex<Result<SearchPage, Refusal>?>(nil)
        init(_ search: Search, until end: Instant) { (self.search, self.end) = (search, end) }

        @Sendable func check() throws(Refusal) {
            // Given up: nobody waits for it.
            if result.withLock({ $0 != nil }) { throw Hurry.ofQueries }
            if end < .now { throw Refusal(.deadlineExceeded, "the search took longer than its query may take") }
        }
    }

    private let waiting = Mutex<(errands: [Errand], isClosed: Bool)>(([], false))
    private let wake: @Sendable () -> Void

    /// - Parameter wake: has the thread that keeps the index look here.
    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// Blocks until the index is far enough and has answered.
    func ask(_ search: Search, patience: Duration) throws(Refusal) -> SearchPage {
        let errand = Errand(search, until: .now + patience)
        let isClosed = waiting.withLock { waiting in
            waiting.errands.append(errand)
            return waiting.isClosed
        }
        if isClosed { throw Hurry.ofQueries }
        wake()
        let isAnswered = errand.isDone.wait(timeout: .now() + .nanoseconds(Int(patience.wholeNanoseconds))) == .success
        guard isAnswered, let result = errand.result.withLock({ $0 }) else {
            waiting.withLock { $0.errands.removeAll { $0 === errand } }
            throw Refusal(
                .deadlineExceeded, "the search waited longer for the index than its query may take",
                hint: "ask again in a moment", subject: "search")
        }
        return try result.get()
    }

    /// Answers what can be, by the thread that keeps the index.
    /// - Returns: whether somebody still waits.
    func run(in room: SearchRoom) -> Bool {
        let errands = waiting.withLock { $0.errands }
        if errands.isEmpty { return false }
        let done = errands.filter { errand in
            let result: Result<SearchPage, Refusal>?
            do throws(Refusal) {
                result = try room.answer(errand.search, check: errand.check).map { .success($0) }
            } catch {
                result = .failure(error)
            }
            guard let result else { return false }
            errand.result.withLock { $0 = result }
            errand.isDone.signal()
            return true
        }
        return waiting.withLock { waiting in
            waiting.errands.removeAll { errand in done.contains { $0 === errand } }
            return !waiting.errands.isEmpty
        }
    }

    /// Whoever waits is let go.
    func close() {
        let errands = waiting.withLock { waiting in
            defer { waiting = ([], true) }
            return waiting.errands
        }
        for errand in errands {
            errand.result.withLock { $0 = .failure(Hurry.ofQueries) }
            errand.isDone.signal()
        }
    }
}
