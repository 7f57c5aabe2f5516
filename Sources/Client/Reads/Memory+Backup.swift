import Foundation

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
        var page = try await backupPage(Request.Backup(), timeout: timeout)
        do {
            try output.write(page.bytes)
            var offset = page.offset + Int64(page.bytes.count)
            progress?(offset, page.totalBytes)
            while offset < page.totalBytes {
                page = try await backupPage(Request.Backup(id: page.id, offset: offset), timeout: timeout)
                guard page.offset == offset, !page.bytes.isEmpty else { throw Connection.unexpected }
                try output.write(page.bytes)
                offset += Int64(page.bytes.count)
                progress?(offset, page.totalBytes)
            }
            try output.commit()
        } catch {
            // The copy at the broker is dropped at once rather than when it lapses.
            _ = try? connection.start(.request(.backup(Request.Backup(id: page.id, done: true))))
            throw error
        }
        _ = try? await backupPage(Request.Backup(id: page.id, offset: page.totalBytes, done: true), timeout: timeout)
        return page.revision
    }

    private func backupPage(_ asked: Request.Backup, timeout: Duration?) async throws -> Reply.BackupPage {
        guard case .backup(let page) = try await connection.ask(.backup(asked), timeout: timeout).body else {
            throw Connection.unexpected
        }
        return page
    }
}
