import Dispatch
import MembusModel
import MembusSearch
import MembusStore
import Synchronization

/// How a thread that does not keep the index asks it: it waits for the one that does.
final class SearchErrands: Sendable {
    private struct Waiting {
        let errand: any Errand
        /// Of meaning, when it was looked at; `nil`: it waits for the index.
        var news: Int?
    }

    private let waiting = Mutex<(all: [Waiting], isClosed: Bool)>(([], false))
    private let wake: @Sendable () -> Void

    /// - Parameter wake: has the thread that keeps the index look here.
    init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// Blocks until the index is far enough and has answered.
    func ask<Asked: AskedOfIndex>(_ asked: Asked, patience: Duration) throws(Refusal) -> Asked.Answer {
        let errand = ErrandOf(asked, until: .now + patience)
        let isClosed = waiting.withLock { waiting in
            if !waiting.isClosed { waiting.all.append(Waiting(errand: errand)) }
            return waiting.isClosed
        }
        if isClosed { throw Hurry.ofQueries }
        wake()
        if let result = errand.wait(for: patience) { return try result.get() }
        waiting.withLock { $0.all.removeAll { $0.errand === errand } }
        throw Refusal(
            .deadlineExceeded, "the search waited longer for the index than its query may take",
            hint: "ask again in a moment", subject: "search")
    }

    /// Answers what can be, by the thread that keeps the index.
    /// - Returns: whether somebody waits for the index.
    func run(in room: SearchRoom) -> Bool {
        let before = waiting.withLock { $0.all }
        if before.isEmpty { return false }
        var looked: [ObjectIdentifier: (isDone: Bool, news: Int?)] = [:]
        for one in before where one.news == nil || one.news != room.news {
            let (news, awaited) = (room.news, room.awaited)
            let isDone = one.errand.run(in: room)
            looked[ObjectIdentifier(one.errand)] = (isDone, room.awaited > awaited ? news : nil)
        }
        return waiting.withLock { waiting in
            waiting.all = waiting.all.compactMap { one in
                guard let found = looked[ObjectIdentifier(one.errand)] else { return one }
                return found.isDone ? nil : Waiting(errand: one.errand, news: found.news)
            }
            return waiting.all.contains { $0.news == nil }
        }
    }

    /// Whoever waits is let go.
    func close() {
        let all = waiting.withLock { waiting in
            defer { waiting = ([], true) }
            return waiting.all
        }
        for one in all { one.errand.giveUp() }
    }
}

private protocol Errand: AnyObject, Sendable {
    /// - Returns: whether it is done with.
    func run(in room: SearchRoom) -> Bool
    func giveUp()
}

private final class ErrandOf<Asked: AskedOfIndex>: Errand {
    private let asked: Asked
    private let end: Instant
    private let isDone = DispatchSemaphore(value: 0)
    private let result = Mutex<Result<Asked.Answer, Refusal>?>(nil)

    init(_ asked: Asked, until end: Instant) { (self.asked, self.end) = (asked, end) }

    /// - Returns: `nil`: it was not answered in time.
    func wait(for patience: Duration) -> Result<Asked.Answer, Refusal>? {
        _ = isDone.wait(timeout: .now() + .nanoseconds(Int(patience.wholeNanoseconds)))
        return result.withLock { $0 }
    }

    func run(in room: SearchRoom) -> Bool {
        do throws(Refusal) {
            guard let answer = try room.answer(asked, check: check) else { return false }
            tell(.success(answer))
        } catch {
            tell(.failure(error))
        }
        return true
    }

    func giveUp() { tell(.failure(Hurry.ofQueries)) }

    private func tell(_ answer: Result<Asked.Answer, Refusal>) {
        result.withLock { $0 = $0 ?? answer }
        isDone.signal()
    }

    @Sendable private func check() throws(Refusal) {
        // Given up: nobody waits for it.
        if result.withLock({ $0 != nil }) { throw Hurry.ofQueries }
        if end < .now { throw Refusal(.deadlineExceeded, "the search took longer than its query may take") }
    }
}
