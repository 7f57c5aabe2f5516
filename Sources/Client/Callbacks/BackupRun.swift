import FoundationEssentials
import MembusBus
import MembusSystem

extension Memory {
    /// Like ``backup(to:timeout:progress:)``. Each piece is written by a thread of its own, since the connection's has others
    /// to serve.
    package func backup(
        to file: URL, timeout: Duration?, then tell: @escaping Telling<Revision>
    ) throws -> any Cancellable {
        let patience = Patience.each(timeout ?? .seconds(600))
        let errand = Errand(BackingUp(id: UInt64.random(in: 1 ... .max)), connection, patience)
        _ = try BusThread.start(name: "membus-backup") {
            tell(
                Result {
                    let output = try MembusError.naming { () throws(FileError) in try AtomicFile(for: file.path) }
                    return try Self.write(errand, to: output)
                })
        }
        return errand
    }

    private static func write(_ errand: Errand<BackingUp>, to output: AtomicFile) throws -> Revision {
        var part = try Awaited.product { errand.begin(then: $0) }
        while true {
            if case .finished(let revision) = part { return revision }
            var input = BackingUp.Input.passed
            do throws(FileError) { try output.take(part, nil) } catch {
                input = .failed(MembusError(error), isLast: true)
            }
            part = try Awaited.product { errand.carryOn(input, then: $0) }
        }
    }
}
