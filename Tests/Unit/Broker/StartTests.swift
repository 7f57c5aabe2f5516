import Foundation
import Logging
import Synchronization
import Testing

@testable import MembusBroker

@Suite("The start of a broker")
struct StartTests {
    @Test("what runs is ended in the order in which it was started, and once")
    func order() {
        let ended = Mutex<[Int]>([])
        let threads = RunningThreads()
        for number in 1...3 { threads.add { ended.withLock { $0.append(number) } } }
        threads.stop()
        threads.stop()
        #expect(ended.withLock { $0 } == [1, 2, 3])
    }

    @Test("a start that fails leaves neither sockets nor the directory taken")
    func failedStart() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "membus-start-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let log = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let free = ["tcp://127.0.0.1:*"]
        let first = try Broker.start(
            Configuration(dataDirectory: folder + "/first", requests: free, events: free), log: log)
        defer { first.stop() }
        let sockets = "ipc://\(folder)/requests"
        let taken = Configuration(
            dataDirectory: folder + "/second", requests: [sockets], events: first.eventEndpoints)
        for _ in 1...3 { #expect(throws: (any Error).self) { try Broker.start(taken, log: log) } }
        var mended = taken
        mended.events = free
        let second = try Broker.start(mended, log: log)
        #expect(second.requestEndpoints == [sockets])
        second.stop()
    }
}
