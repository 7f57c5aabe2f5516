import Dispatch
import Glibc
import Membus
import Synchronization

/// How commands that run until somebody ends them are ended: by SIGINT, SIGTERM, or a reader of their output
/// that goes away. None of these is an error.
enum Termination {
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
        let listening = bell.listen { continuation.yield($0) }
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "membus.reader"))
        timer.schedule(deadline: .now() + 1, repeating: 1)
        timer.setEventHandler { if output?.isReaderGone == true { continuation.yield(0) } }
        timer.resume()
        for await _ in endings { break }
        bell.stop(listening)
        timer.cancel()
    }

    /// For work that has something to clean up: a signal cancels it, and ends the process once it has come to its end,
    /// as it would have without all this. A second one does not wait for that. Work that comes to its end all the same
    /// leaves the signal to whoever listens next.
    static func cleaningUp<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
        let told = Mutex<Int32>(0)
        let task = Task { try await work() }
        let listening = bell.listen { number in
            let isSecond = told.withLock { told in
                defer { told = number }
                return told != 0
            }
            if isSecond { die(by: number) }
            task.cancel()
        }
        do {
            let result = try await task.value
            bell.stop(listening)
            let number = told.withLock { $0 }
            if number != 0 { bell.ring(number) }
            return result
        } catch {
            bell.stop(listening)
            let number = told.withLock { $0 }
            if number != 0 { die(by: number) }
            throw error
        }
    }

    /// For a service that somebody else ends by the first signal: see ``Endings``. Call it before that one listens, as the
    /// signals look ignored from then on.
    static func counted() -> Endings {
        let endings = Endings()
        _ = serviceBell.listen { endings.count($0) }
        return endings
    }

    private static let bell = SignalRelay([SIGINT, SIGTERM, SIGHUP])
    /// A service is not to survive its terminal.
    private static let serviceBell = SignalRelay([SIGINT, SIGTERM])

    fileprivate static func die(by number: Int32) -> Never {
        signal(number, SIG_DFL)
        // Dispatch, which listens to signals through a descriptor, may have blocked it.
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, number)
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
        raise(number)
        _exit(128 + number)
    }
}

/// What the signals after a first one do: a second has work given up that the end waits for, a third ends the process.
final class Endings: Sendable {
    private let state = Mutex<(count: Int, hurry: (@Sendable () -> Void)?)>((0, nil))

    func onSecond(_ hurry: @escaping @Sendable () -> Void) {
        let isLate = state.withLock { state in
            state.hurry = hurry
            return state.count > 1
        }
        if isLate { hurry() }
    }

    fileprivate func count(_ number: Int32) {
        let (count, hurry) = state.withLock { state in
            state.count += 1
            return (state.count, state.hurry)
        }
        if count == 2 { hurry?() }
        if count > 2 { Termination.die(by: number) }
    }
}

/// Signals of a process that somebody has begun to listen to; from then on they end nothing by themselves. One that
/// comes while nobody listens waits for the next who does, so that none is lost between two listeners. What the process
/// was started to ignore (`nohup`, a shell's background job) goes on being ignored.
private final class SignalRelay: Sendable {
    private struct State {
        var sources: [any DispatchSourceSignal]?
        var listeners: [Int: @Sendable (Int32) -> Void] = [:]
        var lastListener = 0
        var unheard: [Int32] = []
    }
    private let numbers: [Int32]
    private let state = Mutex(State())

    init(_ numbers: [Int32]) { self.numbers = numbers }

    func listen(_ heard: @escaping @Sendable (Int32) -> Void) -> Int {
        let (id, unheard) = state.withLock { state in
            if state.sources == nil { state.sources = numbers.compactMap(source) }
            state.lastListener += 1
            state.listeners[state.lastListener] = heard
            defer { state.unheard = [] }
            return (state.lastListener, state.unheard)
        }
        for number in unheard { heard(number) }
        return id
    }

    func stop(_ listener: Int) { state.withLock { $0.listeners[listener] = nil } }

    func ring(_ number: Int32) {
        let listeners = state.withLock { state in
            if state.listeners.isEmpty { state.unheard.append(number) }
            return Array(state.listeners.values)
        }
        for heard in listeners { heard(number) }
    }

    private func source(_ number: Int32) -> (any DispatchSourceSignal)? {
        var before = sigaction()
        guard sigaction(number, nil, &before) == 0, !isIgnored(before) else { return nil }
        _ = signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: DispatchQueue(label: "membus.endings"))
        source.setEventHandler { [weak self] in self?.ring(number) }
        source.resume()
        return source
    }

    private func isIgnored(_ action: sigaction) -> Bool {
        // A C function pointer has no == of its own; SIG_IGN is 1.
        unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }
}
