import CProcess
import Dispatch
import Glibc
import Synchronization

/// A command that `sh` runs, in a group of processes of its own, so that all of it can be ended. It reads nothing; what it prints
/// goes to standard error, as standard output is this process's own.
struct ShellCommand: Sendable {
    let text: String
    let environment: [String: String]

    enum Ending: Hashable, Sendable {
        case code(Int32)
        case signal(Int32)
    }

    /// Runs it to its end. If the task is cancelled it is told to end, and killed when it does not within two seconds.
    /// - Throws: `CancellationError` once it has ended then; ``CommandError`` if it can't be started.
    func run() async throws -> Ending {
        try Task.checkCancellation()
        let child = Child(try start())
        let status = await withTaskCancellationHandler {
            await withCheckedContinuation { done in
                // It blocks its thread, which is none of those that tasks share.
                DispatchQueue(label: "membus.child").async { done.resume(returning: child.wait()) }
            }
        } onCancel: {
            child.signal(SIGTERM)
            DispatchQueue.global().asyncAfter(deadline: .now() + 2) { child.signal(SIGKILL) }
        }
        try Task.checkCancellation()
        let signal = status & 0x7F
        return signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal)
    }

    private func start() throws -> pid_t {
        let pairs = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in pairs { free(text) } }
        var process: pid_t = 0
        let code = membus_start_shell(text, pairs, &process)
        guard code == 0 else {
            throw CommandError(
                "NOT_STARTED", "/bin/sh cannot be run: \(String(cString: strerror(code)))", hint: "nothing was tried")
        }
        return process
    }
}

/// Its number is another process's once it has been waited for: both happen under one lock.
private final class Child: Sendable {
    private let process: pid_t
    private let isRunning = Mutex(true)

    init(_ process: pid_t) { self.process = process }

    func signal(_ number: Int32) {
        isRunning.withLock { isRunning in
            if isRunning { kill(-process, number) }
        }
    }

    /// - Returns: its status, as `waitpid` tells it.
    func wait() -> Int32 {
        // Until it has ended, without taking its number from it.
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        return isRunning.withLock { isRunning in
            isRunning = false
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            return status
        }
    }
}
