import FoundationEssentials

/// A piece of a copy of the store. The first call, at offset 0, makes the copy; the next ones read it, the last one
/// (`done`) drops it.
package struct Backup: Operation, Hashable {
    /// Drawn by the client, never 0, so that the same request sent again finds the copy that the first one made.
    package var id: UInt64
    package var offset: Int64
    package var done: Bool

    package init(id: UInt64 = 0, offset: Int64 = 0, done: Bool = false) {
        self.id = id
        self.offset = offset
        self.done = done
    }

    package typealias Answer = BackupPage

    package static let traits = Traits(
        "the backup", .lookUp(isLong: true), patience: .seconds(60), isUpkeep: true, yieldsToBusy: true)
    package var touches: [Touched] { [.store(.upkeep)] }

    package var body: Request.Body { .backup(self) }
    package static func body(of answer: Answer) -> Reply.Body { .backup(answer) }
    package static func answer(in body: Reply.Body) -> Answer? {
        if case .backup(let answer) = body { answer } else { nil }
    }
}

package struct BackupPage: Sendable {
    package var id: UInt64
    package var totalBytes: Int64
    package var offset: Int64
    package var bytes: Data
    /// The revision that the backup holds.
    package var revision: Revision

    package init(id: UInt64, totalBytes: Int64, offset: Int64, bytes: Data, revision: Revision) {
        self.id = id
        self.totalBytes = totalBytes
        self.offset = offset
        self.bytes = bytes
        self.revision = revision
    }
}
