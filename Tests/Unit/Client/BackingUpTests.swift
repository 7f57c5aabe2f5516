import Foundation
import Testing

@testable import Membus

@Suite("What a backup does")
struct BackingUpTests {
    private func piece(_ offset: Int64, _ count: Int, of bytes: Int64 = 10, revision: Revision = 9) -> Reply.Body {
        .backup(
            BackupPage(id: 5, totalBytes: bytes, offset: offset, bytes: Data(count: count), revision: revision))
    }
    private func asked(_ action: BackingUp.Action) throws -> Backup {
        guard case .backup(let backup) = try action.asked() else { throw Unexpected(action) }
        return backup
    }
    private func written(_ action: BackingUp.Action) throws -> Int64 {
        guard case .write(_, let written, 10) = try action.handed() else { throw Unexpected(action) }
        return written
    }
    private func isDropped(_ action: BackingUp.Action) -> Bool {
        guard case .release(.request(.backup(let backup)), _) = action else { return false }
        return backup.done && backup.id == 5
    }
    /// The first six of ten bytes have been handed over.
    private func begun() throws -> BackingUp {
        var copying = BackingUp(id: 5)
        #expect(try asked(copying.begin()) == Backup(id: 5, offset: 0))
        #expect(try written(copying.answered(piece(0, 6))) == 6)
        return copying
    }

    @Test("it is fetched piece by piece, put in its place once it is whole, then dropped")
    func order() throws {
        var copying = try begun()
        #expect(try asked(copying.take(.passed)) == Backup(id: 5, offset: 6))
        #expect(try written(copying.answered(piece(6, 4))) == 10)
        guard case .complete = try copying.take(.passed).handed() else { throw Unexpected("not complete") }
        #expect(isDropped(try copying.take(.passed)))
        guard case .finished(9) = try copying.take(.passed).handed() else { throw Unexpected("not finished") }
    }

    @Test("a piece that does not come has the copy dropped, then tells why")
    func brokerAway() throws {
        var copying = try begun()
        _ = try copying.take(.passed)
        #expect(isDropped(try copying.failed(away)))
        #expect(throws: MembusError.self) { try copying.take(.passed) }
    }

    @Test("cancelled, it has the copy dropped")
    func cancelled() throws {
        var copying = BackingUp(id: 5)
        _ = copying.begin()
        #expect(isDropped(try copying.failed(CancellationError(), isLast: true)))
        #expect(throws: CancellationError.self) { try copying.take(.passed) }
    }

    @Test("bytes that cannot be written have the copy dropped")
    func diskFull() throws {
        var copying = try begun()
        #expect(isDropped(try copying.failed(MembusError.file(path: "/backup", problem: "no room"))))
        #expect(throws: MembusError.self) { try copying.take(.passed) }
    }

    @Test("a file that cannot be put in its place has the copy dropped")
    func notInPlace() throws {
        var copying = try begun()
        _ = try copying.take(.passed)
        _ = try copying.answered(piece(6, 4))
        _ = try copying.take(.passed)
        #expect(isDropped(try copying.failed(MembusError.file(path: "/backup", problem: "no room"))))
        #expect(throws: MembusError.self) { try copying.take(.passed) }
    }

    @Test(
        "a piece of another place, or of another copy, is not written",
        arguments: [(5, 4, 10, 9), (6, 0, 10, 9), (6, 4, 11, 9), (6, 4, 10, 8)] as [(Int64, Int, Int64, Revision)])
    func foreignPiece(offset: Int64, count: Int, bytes: Int64, revision: Revision) throws {
        var copying = try begun()
        _ = try copying.take(.passed)
        #expect(isDropped(try copying.answered(piece(offset, count, of: bytes, revision: revision))))
        #expect(throws: MembusError.self) { try copying.take(.passed) }
    }
}
