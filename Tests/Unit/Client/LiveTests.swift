import Foundation
import Testing

@testable import Membus

@Suite("A client and a real broker", .serialized, .timeLimit(.minutes(5)))
struct LiveTests {
    @Test("no broker: connecting ends with its time-out and says what to check")
    func nobody() async throws {
        await #expect(throws: MembusError.self) {
            _ = try await Memory.connect(to: "tcp://127.0.0.1:1", as: "a", timeout: .milliseconds(300))
        }
    }

    @Test("a conflict reruns the closure, and every increment of many agents counts")
    func conflicts() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<5 {
                        try await memory.transact(retries: 1000) { tx in
                            let old = try await tx.get("n")?.text.flatMap { Int($0) } ?? 0
                            tx.put("n", text: "\(old + 1)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await memory.get("n")?.text == "40")
        await memory.close()
    }

    @Test("a failed precondition names key and revision, and writes nothing")
    func conflictError() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        let first = try await memory.transact { $0.put("a", text: "1") }
        do {
            try await memory.transact { tx in
                tx.require(absent: "a")
                tx.put("b", text: "2")
            }
            Issue.record("committed")
        } catch MembusError.conflict(let failed, _) {
            #expect(failed.first?.key.text == "a" && failed.first?.revision == first.revision)
        }
        #expect(try await memory.get("b") == nil)
        await memory.close()
    }

    @Test("views, transactions and watches go on over a restart of the broker")
    func restart() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        let view = try await memory.follow("k/")
        let watcher = Task {
            var seen: [String] = []
            for try await change in memory.watch("k/", after: 0) {
                seen.append(change.key.text)
                if seen.count == 60 { break }
            }
            return seen
        }
        for index in 0..<60 {
            if index == 20 || index == 40 { try broker.restart() }
            try await memory.transact { $0.put("k/\(index)", text: "v") }
            #expect(try view["k/\(index)"]?.text == "v")
        }
        #expect(try await watcher.value == (0..<60).map { "k/\($0)" })
        try await view.waitUntilLive()
        let (at, digest) = try view.digest()
        #expect(try await memory.digest(["k/"], at: at.revision).digest == digest)
        await memory.close()
    }

    @Test("many transactions enqueued at once are committed in their order")
    func pipelining() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        var submissions: [Submission] = []
        for index in 0..<500 {
            let change = Change(try Key("k/\(index)"), .put(Put(Data("\(index)".utf8))))
            submissions.append(try memory.enqueue(Transaction(changes: [change])))
        }
        var last: Revision = 0
        for submission in submissions {
            let revision = try await submission.receipt().revision
            #expect(revision == last + 1)
            last = revision
        }
        await memory.close()
    }

    @Test("an invalidate view fetches what it misses, at its cut, and forgets what changed")
    func invalidate() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        try await memory.transact { tx in for index in 0..<10 { tx.put("k/\(index)", text: "1") } }
        let view = try await memory.follow("k/", mode: .invalidate, capacity: 1 << 20)
        #expect(throws: MembusError.self) { try view["k/1"] }
        let both = try await view.get(["k/1", "k/2", "k/none"])
        #expect(both["k/1"]?.text == "1" && both.records.count == 2)
        #expect(try view["k/1"]?.text == "1")
        try await memory.transact { $0.put("k/1", text: "2") }
        #expect(try await view.get("k/1")?.text == "2")
        await memory.close()
    }

    @Test("a value that does not travel is announced, and fetched by get and by watch")
    func large() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        let view = try await memory.follow("k/")
        let big = String(repeating: "x", count: 300_000)
        try await memory.transact { $0.put("k/big", text: big) }
        #expect(throws: MembusError.self) { try view["k/big"] }
        #expect(try await view.get("k/big")?.text == big)
        #expect(try view["k/big"]?.text == big)
        for try await change in memory.watch("k/", after: 0) {
            #expect(change.record.text == big)
            break
        }
        await memory.close()
    }

    @Test("a warm view reads at once, and catches up")
    func warm() async throws {
        let broker = try LiveBroker()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).warm")
        defer { try? FileManager.default.removeItem(at: file) }
        let memory = try await Memory.connect(to: broker.url, as: "a")
        try await memory.transact { $0.put("k/1", text: "old") }
        let view = try await memory.follow("k/")
        try view.save(to: file)
        try await memory.transact { $0.put("k/2", text: "new") }
        let warm = try await memory.follow("k/", warm: file)
        #expect(try warm["k/1"]?.text == "old")
        try await warm.wait(for: .linearizable)
        #expect(try warm["k/2"]?.text == "new")
        #expect(try warm.digest().digest == view.digest().digest)
        await memory.close()
    }

    @Test("changes come joined by key, and end with the view")
    func changes() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        let view = try await memory.follow("k/")
        let reader = Task {
            var keys: Set<String> = []
            for await change in view.changes {
                if case .changed(let key, _, _) = change { keys.insert(key.text) }
            }
            return keys
        }
        try await Task.sleep(for: .milliseconds(100))
        for index in 0..<20 { try await memory.transact { $0.put("k/\(index)", text: "v") } }
        try await Task.sleep(for: .milliseconds(100))
        view.close()
        #expect(await reader.value.count == 20)
        await memory.close()
    }

    @Test("a cancelled task ends its call, and closing ends every call")
    func endings() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        let view = try await memory.follow("k/")
        let future = Token(lineage: view.token.lineage, position: Position(revision: 1_000_000, hash: 1))
        let cancelled = Task { try await view.get("k/1", .atLeast(future)) }
        let closed = Task { try await view.get("k/1", .atLeast(future)) }
        try await Task.sleep(for: .milliseconds(50))
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        await memory.close()
        await #expect(throws: MembusError.self) { try await closed.value }
    }

    @Test("keys that alone need more than the capacity fail the follow with the figure")
    func capacity() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a")
        try await memory.transact { tx in for index in 0..<500 { tx.put("k/\(index)", text: "v") } }
        do {
            _ = try await memory.follow("k/", capacity: 4096)
            Issue.record("followed")
        } catch MembusError.overCapacity(_, let needed, let capacity) {
            #expect(needed > capacity)
        }
        await memory.close()
    }

    @Test("the other reads answer: range, history, log, branches, status, verify, backup")
    func reads() async throws {
        let broker = try LiveBroker()
        let memory = try await Memory.connect(to: broker.url, as: "a", context: "c")
        for index in 0..<30 {
            try await memory.transact(message: "m\(index)") { $0.put("k/\(index % 10)", text: "\(index)") }
        }
        try await memory.transact { $0.delete("k/0") }
        #expect(try await memory.range(["k/"], pageSize: 4).collect().count == 9)
        #expect(try await memory.range(["k/"], at: 10, pageSize: 4).collect().map(\.text) == (0..<10).map { "\($0)" })
        #expect(
            try await memory.history("k/0", pageSize: 2).collect().map(\.record.isDeleted) == [
                true, false, false, false,
            ])
        #expect(try await memory.log(["k/"], pageSize: 7).collect().count == 31)
        let fork = try await memory.fork(try BranchName("draft"), at: 5)
        #expect(fork.isCommitted)
        #expect(try await memory.branches().map(\.name.text).sorted() == ["draft", "main"])
        #expect(try await memory.get("k/7", branch: try BranchName("draft")) == nil)
        #expect(try await memory.status().figures.head.revision == 32)
        #expect(try await memory.verify().problems.isEmpty)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).backup")
        defer { try? FileManager.default.removeItem(at: file) }
        #expect(try await memory.backup(to: file) == 32)
        #expect(FileManager.default.fileExists(atPath: file.path))
        await memory.close()
    }
}
