import Dispatch
import Membus
import Synchronization
import Testing

@testable import MembusDoor

@Suite("Numbers of objects") struct ObjectTableTests {
    private final class Thing: Sendable {
        private let living: Living
        init(_ living: Living) {
            self.living = living
            living.count.add(1, ordering: .relaxed)
        }
        deinit { living.count.subtract(1, ordering: .relaxed) }
    }
    private final class Living: Sendable {
        let count = Atomic<Int>(0)
    }

    private func use(_ table: borrowing ObjectTable, _ number: UInt64, _ kind: ObjectKind) -> Bool {
        (try? table.use(number, kind, as: Thing.self) { _ in true }) ?? false
    }

    private func added(_ table: borrowing ObjectTable, _ living: Living, _ kind: ObjectKind) throws -> UInt64 {
        let number = table.add(Thing(living), kind)
        return try #require(number)
    }

    @Test("a number names its object until it is freed, and nothing ever after, though its slot is used again")
    func generations() throws {
        let table = ObjectTable()
        let living = Living()
        var old: [UInt64] = []
        for _ in 0..<5000 {
            let number = try added(table, living, .view)
            let used = (use(table, number, .view), use(table, number, .memory), use(table, number ^ 1 << 40, .view))
            #expect(used == (true, false, false))
            let freed = (table.remove(number) != nil, table.remove(number) != nil)
            #expect(freed == (true, false))
            old.append(number)
        }
        #expect(living.count.load(ordering: .relaxed) == 0)
        #expect(Set(old).count == old.count)
        let number = try added(table, living, .view)
        let (isOldUsed, isUsed) = (old.contains { use(table, $0, .view) }, use(table, number, .view))
        #expect(!isOldUsed && isUsed)
    }

    @Test("who uses an object while another frees it has it to the end, and it goes then")
    func pins() throws {
        let table = ObjectTable()
        let living = Living()
        let number = try added(table, living, .call)
        try table.use(number, .call, as: Thing.self) { _ in
            _ = table.remove(number)
            let isUsed = use(table, number, .call)
            #expect(!isUsed)
            #expect(living.count.load(ordering: .relaxed) == 1)
        }
        #expect(living.count.load(ordering: .relaxed) == 0)
    }

    @Test("threads that add, use and free at once lose nothing, and keep nothing")
    func threads() {
        let living = Living()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<2000 {
                guard let number = ObjectTable.shared.add(Thing(living), .list) else { return }
                let isUsed = use(ObjectTable.shared, number, .list)
                _ = ObjectTable.shared.remove(number)
                let isUsedStill = use(ObjectTable.shared, number, .list)
                #expect(isUsed && !isUsedStill)
            }
        }
        #expect(living.count.load(ordering: .relaxed) == 0)
    }
}
