import FoundationEssentials
import MembusBus

extension View {
    /// Like ``save(to:)``, with the value of every record: those that did not travel to the view are fetched first, as of
    /// the state that is written.
    /// - Parameter timeout: of each fetch; `nil`: the connection's.
    package func saveWhole(to file: URL, timeout: Duration? = nil) async throws {
        var saving = Saving(shared, id)
        try await connection.begin(&saving, patience(timeout)).write(to: file)
    }

    /// The same for whoever has no task. The file is written by a thread of its own.
    package func saveWhole(to file: URL, timeout: Duration?, then tell: @escaping Telling<Void>) -> any Cancellable {
        connection.errand(Saving(shared, id), patience(timeout)) { result in
            do {
                let state = try result.get()
                _ = try BusThread.start(name: "membus-save") { tell(Result { try state.write(to: file) }) }
            } catch { tell(.failure(error)) }
        }
    }

    private func patience(_ timeout: Duration?) -> Patience { .each(timeout ?? connection.settings.timeout) }
}
