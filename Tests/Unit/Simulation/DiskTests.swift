import Foundation
import MembusModel
import Testing

@testable import MembusSimulation

/// The disk of the seeded world's broker.
@Suite struct DiskTests {
    @Test("a restore that the disk fails leaves the store as it was, and the same restore succeeds later")
    func failedRestore() throws {
        let disk = try Disk(lineage: 7, isOnDisk: true)
        defer { disk.remove() }
        let backup = try disk.backup()
        try commitOne(on: disk)
        try disk.harvest()
        let head = disk.truth.head
        #expect(head.revision == 1)

        disk.faults?.setFull(true)
        #expect(try !disk.restore(backup, lineage: 9))
        #expect(disk.truth.head == head && disk.store.lineage == Lineage(7))
        try disk.verify()

        disk.faults?.setFull(false)
        #expect(try disk.restore(backup, lineage: 9))
        #expect(disk.store.lineage == Lineage(9) && disk.truth.lineage == Lineage(9))
        try disk.verify()
    }

    /// Something that is not in the backup.
    private func commitOne(on disk: Disk) throws {
        let (writer, _) = try disk.open()
        let session = SessionID(77)
        let work = Work.transaction(
            Transaction(branch: .main, changes: [Change(Key(unchecked: "a"), .put(Put(Data("x".utf8))))]))
        let asked = Transact(session: session, number: 1, acknowledged: 0, work: .success(work))
        let written = try writer.write(
            [.openSession(session, agent: "a"), .transact(asked, fingerprint: work.fingerprint)],
            at: Timestamp(milliseconds: 1))
        #expect(written.commits.count == 1)
    }
}
