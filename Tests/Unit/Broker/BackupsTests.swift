import Foundation
import MembusModel
import MembusStore
import Testing

@testable import MembusBroker
@testable import MembusSteppedBroker

@Suite("Copies of the store that clients read")
struct BackupsTests {
    private let directory = NSTemporaryDirectory() + "membus-backups-\(UUID().uuidString)"

    /// - Returns: what the thread for long reads does with requests that wait before it.
    private func desk() throws -> Desk {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let store = try Store.open(at: directory, newLineage: 7)
        _ = try store.makeWriter()
        return Desk(
            store: store, reader: try store.makeReader(), inlineValueBytes: 100, backups: try Backups(in: directory))
    }

    private func asked(_ backup: Backup, late: Bool) -> QueuedRead {
        QueuedRead(
            ticket: 1, lookUp: backup, visible: .origin, deadline: late ? .now - .seconds(1) : .now + .seconds(60)
        )
    }

    private var underWay: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory + "/backups-under-way")) ?? []
    }

    @Test("letting go of a copy is never too late, as everything else can be")
    func lettingGo() throws {
        let desk = try desk()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        _ = try desk.answer(asked(Backup(id: 5), late: false), now: .now).get()
        #expect(underWay.count == 1)
        let page = desk.answer(asked(Backup(id: 5), late: true), now: .now)
        guard case .failure(let failure) = page, failure.code == .deadlineExceeded else {
            Issue.record("a page was read too late: \(page)")
            return
        }
        #expect(underWay.count == 1)
        _ = try desk.answer(asked(Backup(id: 5, done: true), late: true), now: .now).get()
        #expect(underWay.isEmpty)
    }

    @Test("a backup without an id of its own is refused")
    func noID() throws {
        let desk = try desk()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        guard case .failure(let failure) = desk.answer(asked(Backup(id: 0), late: false), now: .now) else {
            Issue.record("it was made")
            return
        }
        #expect(failure.code == .invalidArgument)
        #expect(underWay.isEmpty)
    }
}
