import CMembus
import Glibc
import Membus
import MembusBus

/// Something that C began and may wait for: blocking, or by a descriptor.
///
///     begun ─▶ told (by the errand that carries it out, by `cancel`; the first counts) ─▶ answer, when it is asked for
final class DoorCall: Sendable {
    typealias Told = Result<Product, any Error>

    private struct State {
        var underWay: (any Cancellable)?
        var told: Told?
        /// Put together when it is first asked for.
        var answer: Answer?
        /// To be done if nobody asks for it.
        var ifUnread: (@Sendable () -> Void)?
        var isFreed = false
        /// There once somebody waits. Readable, from when it is told on.
        var waker: Waker?
    }
    // Safe: what it points to is written once, before anybody waits.
    private struct Answer: @unchecked Sendable {
        let arena: Arena
        let pointer: UnsafePointer<membus_answer>
    }
    private let state = Lock(State())
    /// What a cancelled one comes to.
    private let cancelled: any Error

    init(cancelled: any Error = CancellationError()) { self.cancelled = cancelled }

    // MARK: What it came to

    /// - Parameter ifUnread: done once the call is freed without its answer having been looked at.
    /// - Returns: whether it counts: it was not told before.
    @discardableResult
    func tell(_ result: Told, ifUnread: (@Sendable () -> Void)? = nil) -> Bool {
        let (counts, waker) = state.withLock { state -> (Bool, Waker?) in
            guard state.told == nil, !state.isFreed else { return (false, nil) }
            state.told = result
            state.ifUnread = ifUnread
            state.underWay = nil
            return (true, state.waker)
        }
        waker?.signal()
        return counts
    }

    /// Whether nobody will look at what it comes to any more, or has done so: it failed, was read, or was freed.
    var isOver: Bool {
        state.withLock { state in
            if state.isFreed || state.answer != nil { return true }
            if case .failure = state.told { return true }
            return false
        }
    }

    /// What carries it out, unless it was told meanwhile.
    func isCarriedOut(by errand: (any Cancellable)?) {
        state.withLock { state in if state.told == nil { state.underWay = errand } }
    }

    func cancel() {
        // First its owner, who must not wait for what the errand still lets go of. What was told is carried out no more:
        // the errand may be at something else by now.
        let (underWay, waker) = state.withLock { state -> ((any Cancellable)?, Waker?) in
            guard state.told == nil else { return (nil, nil) }
            state.told = .failure(cancelled)
            defer { state.underWay = nil }
            return (state.underWay, state.waker)
        }
        waker?.signal()
        underWay?.cancel()
    }

    /// Nobody can ask for its answer any more.
    func free() {
        cancel()
        let ifUnread = state.withLock { state -> (@Sendable () -> Void)? in
            guard !state.isFreed else { return nil }
            state.isFreed = true
            return state.answer == nil ? state.ifUnread : nil
        }
        ifUnread?()
    }

    // MARK: Waiting

    private var isTold: Bool { state.withLock { $0.told != nil } }

    /// - Returns: whether it is told. `nil`: a signal's handler ran meanwhile.
    func wait(milliseconds: Int64) throws -> Bool? {
        if isTold { return true }
        if milliseconds == 0 { return false }
        var waiting = pollfd(fd: try waker().number, events: Int16(POLLIN), revents: 0)
        // By poll, which signals end, always.
        switch poll(&waiting, 1, milliseconds < 0 ? -1 : Int32(clamping: milliseconds)) {
        case 0: return false
        case 1: return true
        default:
            if errno == EINTR { return nil }
            throw SystemError(number: errno, action: "wait for a call")
        }
    }

    /// - Throws: what the call came to, if that is an error.
    func check() throws { if case .failure(let error) = state.withLock({ $0.told }) { throw error } }

    /// - Throws: what the call came to, if that is an error.
    func answer() throws -> UnsafePointer<membus_answer> {
        try state.withLock { state in
            if let answer = state.answer { return SendablePointer(answer.pointer) }
            guard let told = state.told else {
                throw DoorError.badArgument("the call is not done", hint: "wait for it")
            }
            let arena = Arena()
            let answer = Answer(arena: arena, pointer: UnsafePointer(arena.one(try arena.answer(told.get()))))
            state.answer = answer
            return SendablePointer(answer.pointer)
        }.pointer
    }

    // Safe: what it points to is not written any more.
    private struct SendablePointer: @unchecked Sendable {
        let pointer: UnsafePointer<membus_answer>
        init(_ pointer: UnsafePointer<membus_answer>) { self.pointer = pointer }
    }

    /// Its descriptor is readable once it is told.
    func waker() throws -> Waker {
        try state.withLock { state in
            if let waker = state.waker { return waker }
            let waker = try Waker()
            if state.told != nil { waker.signal() }
            state.waker = waker
            return waker
        }
    }
}

struct SystemError: Error, CustomStringConvertible {
    let number: Int32
    let action: String
    var description: String { "cannot \(action): \(String(cString: strerror(number)))" }
}

extension DoorCall {
    /// Begins a call and gives C its number.
    /// - Parameter begin: has it carried out. What this throws C is told at once, and there is no call.
    static func begin(
        _ number: UnsafeMutablePointer<membus_call>?, cancelled: any Error = CancellationError(),
        _ begin: (DoorCall) throws -> (any Cancellable)?
    ) -> Int32 {
        guard let number else { return LastError.set(DoorError.missing("place for the call")) }
        number.pointee = 0
        let call = DoorCall(cancelled: cancelled)
        do { call.isCarriedOut(by: try begin(call)) } catch { return LastError.set(error) }
        guard let added = ObjectTable.shared.add(call, .call) else {
            call.free()
            return LastError.set(DoorError.tooMany)
        }
        number.pointee = added
        return ok
    }

    /// Tells what came of an errand, as a product.
    func telling<T>(_ product: @escaping @Sendable (T) -> Product) -> Telling<T> {
        { [self] result in tell(result.map(product)) }
    }
}
