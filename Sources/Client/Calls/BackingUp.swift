// A copy of the store, fetched piece by piece.
//
//   ask (the first request makes the copy) ─▶ hand a piece to write ─▶ ask … ─▶ all written: hand `complete`
//      │                                          │                                  │ put in its place
//      └────────── nothing came of it ────────────┴──────────────────────────────────┤
//                                                                                    ▼
//                                                        drop the copy at the broker ─▶ hand the revision, or throw
//
// Invariants: the copy is dropped exactly once, whatever happens; no piece is skipped, and all are of one copy.

import FoundationEssentials

struct BackingUp: StepwiseCall {
    typealias Given = Never

    enum Product: Sendable {
        /// Write these bytes after those before: then `written` bytes are, of the copy's `of`.
        case write(Data, written: Int64, of: Int64)
        /// All is written: put the file in its place.
        case complete
        case finished(Revision)
    }

    private enum Stage: Sendable {
        case asking, writing, completing
        case dropping((any Error)?)
    }

    /// The copy's, drawn by the owner.
    let id: UInt64
    private var stage = Stage.asking
    private var offset: Int64 = 0
    /// What the first piece said of the copy.
    private var copy: (bytes: Int64, revision: Revision)?

    /// How long the broker has to drop the copy, which lapses by itself.
    static let farewell: Duration = .seconds(2)

    init(id: UInt64) { self.id = id }

    func begin() -> Action { .ask(Backup(id: id, offset: offset)) }

    mutating func take(_ input: Input) throws -> Action {
        switch (stage, input) {
        case (.dropping(let error), _):
            if let error { throw error }
            guard let copy else { throw Connection.unexpected }
            return .hand(.finished(copy.revision))
        case (_, .failed(let error, _)): return drop(becauseOf: error)
        case (.asking, .answered(let answer)):
            do { return try piece(answer.answered(to: Backup.self).answer) } catch { return drop(becauseOf: error) }
        case (.writing, .passed): return next()
        case (.completing, .passed): return drop(becauseOf: nil)
        case (.asking, .passed), (_, .answered): preconditionFailure("not what was asked for")
        }
    }

    private mutating func piece(_ page: BackupPage) throws -> Action {
        let all = copy ?? (page.totalBytes, page.revision)
        guard page.offset == offset, page.totalBytes == all.bytes, page.revision == all.revision,
            !page.bytes.isEmpty || offset == all.bytes
        else { throw Connection.unexpected }
        copy = all
        offset += Int64(page.bytes.count)
        stage = .writing
        return .hand(.write(page.bytes, written: offset, of: all.bytes))
    }

    private mutating func next() -> Action {
        if let copy, offset < copy.bytes {
            stage = .asking
            return begin()
        }
        stage = .completing
        return .hand(.complete)
    }

    /// The copy at the broker is dropped at once rather than when it lapses.
    private mutating func drop(becauseOf error: (any Error)?) -> Action {
        stage = .dropping(error)
        return .release(.request(Backup(id: id, done: true).body), within: Self.farewell)
    }
}
