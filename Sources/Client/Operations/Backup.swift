import FoundationEssentials
import MembusSystem

extension Memory {
    /// Writes a consistent copy of the store, made while agents go on writing. The file appears whole or not
    /// at all. One that is there is replaced, and its owner and mode are kept; a new one can be read by its owner alone.
    /// Ended or cancelled, the broker keeps no copy.
    /// - Parameters:
    ///   - file: where the copy goes.
    ///   - timeout: of each piece; the first waits until the copy is made. `nil`: the connection's.
    ///   - progress: called with (bytes written, of bytes).
    /// - Returns: the revision that the copy holds.
    /// - Throws: ``MembusError/file(path:problem:)``; ``MembusError/refused(_:)``, also where the broker's disk is full;
    ///   ``MembusError/timeout(of:outcomeUnknown:last:)``; `CancellationError`.
    @discardableResult
    public func backup(
        to file: URL, timeout: Duration? = .seconds(600), progress: (@Sendable (Int64, Int64) -> Void)? = nil
    ) async throws -> Revision {
        let output = try MembusError.naming { () throws(FileError) in try AtomicFile(for: file.path) }
        let patience = Patience.each(timeout ?? connection.settings.timeout)
        var copying = BackingUp(id: UInt64.random(in: 1 ... .max))
        var part = try await connection.begin(&copying, patience)
        while true {
            if case .finished(let revision) = part { return revision }
            var input = BackingUp.Input.passed
            do throws(FileError) { try output.take(part, progress) } catch {
                input = .failed(MembusError(error), isLast: true)
            }
            part = try await connection.carryOn(&copying, input, patience)
        }
    }
}

extension AtomicFile {
    /// Takes what a backup hands over.
    func take(
        _ part: BackingUp.Product, _ progress: (@Sendable (Int64, Int64) -> Void)?
    ) throws(FileError) {
        switch part {
        case .write(let bytes, let written, let all):
            try write(bytes)
            progress?(written, all)
        case .complete: try commit()
        case .finished: break
        }
    }
}
