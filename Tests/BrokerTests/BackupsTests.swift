import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusBroker

@Suite("Copies of the store that clients read")
struct BackupsTests {
    private let directory = NSTemporaryDirectory() + "membus-backups-\(UUID().uuidString)"

    /// - Returns: what the thread for long reads does with requests that wait before it.
    private func looker() throws -> Looker {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let store = try Store.open(at: directory, newLineage: 7)
        _ = try store.makeWriter()
        return Looker(
            store: store, reader: try store.makeReader(), inlineValueBytes: 100, backups: try Backups(in: directory))
    }

    private func asked(_ backup: Request.Backup, late: Bool) -> QueuedRead {
        QueuedRead(
            ticket: 1, job: .backup(backup), visible: .origin, deadline: late ? .now - .seconds(1) : .now + .seconds(60))
    }

    private var underWay: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory + "/backups-under-way")) ?? []
    }

    @Test("letting go of a copy is never too late, as everything else can be")
    func lettingGo() throws {
        let looker = try looker()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        _ = try looker.answer(asked(Request.Backup(id: 5), late: false)).get()
        #expect(underWay.count == 1)
        let page = looker.answer(asked(Request.Backup(id: 5), late: true))
        guard case .failure(let failure) = page, failure.code == .deadlineExceeded else {
            Issue.record("a page was read too late: \(page)")
            return
        }
        #expect(underWay.count == 1)
        _ = try looker.answer(asked(Request.Backup(id: 5, done: true), late: true)).get()
        #expect(underWay.isEmpty)
    }

    @Test("a backup without an id of its own is refused")
    func noID() throws {
        let looker = try looker()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        guard case .failure(let failure) = looker.answer(asked(Request.Backup(id: 0), late: false)) else {
            Issue.record("it was made")
            return
        }
        #expect(failure.code == .invalidArgument)
        #expect(underWay.isEmpty)
    }
}
