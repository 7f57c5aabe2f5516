import FoundationEssentials

extension Memory {
    /// Writes a consistent copy of the store, made while agents go on writing. The file appears whole or not
    /// at all; one that is there is replaced.
    /// - Parameter progress: called with (bytes, of bytes).
    /// - Returns: the revision that the copy holds.
    @discardableResult
    public func backup(
        to file: URL, timeout: Duration? = .seconds(600), progress: (@Sendable (Int64, Int64) -> Void)? = nil
    ) async throws -> Revision {
        let output = try AtomicFile(for: file)
        let id = UInt64.random(in: 1 ... .max)
        do {
            var page = try await backupPage(Backup(id: id), timeout: timeout)
            try output.write(page.bytes)
            var offset = page.offset + Int64(page.bytes.count)
            progress?(offset, page.totalBytes)
            while offset < page.totalBytes {
                page = try await backupPage(Backup(id: id, offset: offset), timeout: timeout)
                guard page.offset == offset, !page.bytes.isEmpty else { throw Connection.unexpected }
                try output.write(page.bytes)
                offset += Int64(page.bytes.count)
                progress?(offset, page.totalBytes)
            }
            try output.commit()
            await dropBackup(id)
            return page.revision
        } catch {
            await dropBackup(id)
            throw error
        }
    }

    /// The copy at the broker is dropped at once rather than when it lapses; also by a task that is cancelled.
    private func dropBackup(_ id: UInt64) async {
        let dropping = Task { try await backupPage(Backup(id: id, done: true), timeout: .seconds(2)) }
        _ = await dropping.result
    }

    private func backupPage(_ asked: Backup, timeout: Duration?) async throws -> BackupPage {
        try await connection.ask(asked, timeout: timeout).answer
    }
}
