import Foundation
import MembusModel
import Synchronization
import Testing

@testable import MembusStore

@Suite("Backup and restore")
struct BackupTests {
    @Test("a backup made while agents write is one state, and restores as a new history without sessions")
    func roundTrip() throws {
        let scratch = try Scratch()
        let world = try World(directory: scratch.file("data"))
        for number in 0..<50 { try world.put("k/\(number)", String(repeating: "v", count: 2000)) }

        let writer = world.writer
        let session = world.session
        let stop = Mutex(false)
        let written = Mutex(0)
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            var number: UInt64 = 50
            while !stop.withLock({ $0 }) {
                number += 1
                let work = Work.put("k/\(number % 50)", "\(number)")
                let request = Transact(
                    session: session, number: number, acknowledged: number - 1, work: .success(work))
                let batch = try? writer.write(
                    [.transact(request, fingerprint: work.fingerprint)], at: Timestamp(milliseconds: 1))
                if batch?.commits.count == 1 { written.withLock { $0 += 1 } }
            }
            done.signal()
        }
        while written.withLock({ $0 }) < 20 { usleep(1000) }
        let held = try world.reader.backup(to: scratch.file("copy.db"))
        stop.withLock { $0 = true }
        done.wait()
        #expect(held.revision > 50)
        #expect(try world.reader.position(of: held.revision, visible: .max) == held)
        #expect(throws: StoreError.self) { try world.reader.backup(to: scratch.file("copy.db")) }

        let restored = try Store.restore(scratch.file("copy.db"), into: scratch.file("new"), newLineage: 99)
        #expect(restored == .init(lineage: Lineage(99), head: held, movedAside: nil))
        let copy = try World(directory: scratch.file("new"))
        #expect(copy.store.lineage == Lineage(99))
        #expect(copy.writer.head == held)
        #expect(try copy.state() == world.state(at: held.revision))
        #expect(try copy.reader.verify().problems == [])
        copy.session = SessionID(1)
        #expect(try copy.write(.put("a", "1")).results[0].refusal?.code == .unknownSession)
        copy.session = session
        // The session of the old history was opened anew by the test's world: it starts from 1.
        copy.number = 0
        #expect(try copy.put("a", "1") == held.revision + 1)
    }

    @Test("an existing store is refused, or moved aside whole; a running one is neither")
    func replacing() throws {
        let scratch = try Scratch()
        let backup = scratch.file("backup")
        do {
            let world = try World(directory: scratch.file("data"))
            try world.put("a", "old")
            _ = try world.reader.backup(to: backup)
            try world.put("a", "new")
            do {
                _ = try Store.restore(backup, into: scratch.file("data"), newLineage: 5, replace: true)
                Issue.record("a running store was replaced")
            } catch { #expect(error.kind == .locked) }
        }
        do {
            _ = try Store.restore(backup, into: scratch.file("data"), newLineage: 5)
            Issue.record("an existing store was replaced")
        } catch { #expect(error.kind == .exists) }
        let restored = try Store.restore(backup, into: scratch.file("data"), newLineage: 5, replace: true)
        #expect(try World(directory: scratch.file("data")).text("a") == "old")

        let aside = try #require(restored.movedAside)
        try FileManager.default.createDirectory(atPath: scratch.file("aside"), withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: aside, toPath: scratch.file("aside/membus.db"))
        #expect(try World(directory: scratch.file("aside")).text("a") == "new")
    }

    @Test("a damaged or foreign backup is refused and leaves nothing behind")
    func damaged() throws {
        let scratch = try Scratch()
        let world = try World(directory: scratch.file("data"))
        for number in 0..<200 { try world.put("k/\(number)", String(repeating: "v", count: 500)) }
        _ = try world.reader.backup(to: scratch.file("backup"))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: scratch.file("backup")))
        for index in 20_000..<60_000 { bytes[index] = 0xA5 }
        try bytes.write(to: URL(fileURLWithPath: scratch.file("backup")))
        #expect(throws: StoreError.self) {
            try Store.restore(scratch.file("backup"), into: scratch.file("new/below"), newLineage: 1)
        }
        try "something else".write(toFile: scratch.file("text"), atomically: true, encoding: .utf8)
        #expect(throws: StoreError.self) {
            try Store.restore(scratch.file("text"), into: scratch.file("new"), newLineage: 1)
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.file("new")))
        // A directory that was there stays, with what is in it.
        try FileManager.default.createDirectory(atPath: scratch.file("old"), withIntermediateDirectories: false)
        #expect(throws: StoreError.self) {
            try Store.restore(scratch.file("backup"), into: scratch.file("old"), newLineage: 1)
        }
        #expect(FileManager.default.fileExists(atPath: scratch.file("old")))
    }
}
