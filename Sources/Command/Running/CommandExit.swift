import ArgumentParser

/// What the shell is told.
enum CommandExit: Int32, Sendable {
    case done = 0
    case error = 1
    case usage = 2
    case conflict = 3
    case notFound = 4
}

extension ParsableCommand {
    /// Whether ArgumentParser made the error, rather than a command while running.
    static func isOfTheParser(_ error: any Error) -> Bool {
        if error is CleanExit || error is ExitCode || error is ValidationError { return true }
        // Its own error types are internal; every one of them either succeeds (help) or means wrong usage.
        let code = exitCode(for: error)
        return code == .validationFailure || code == .success
    }
}
