import Foundation
import MembusBus
import MembusSystem
import Testing

@testable import Membus

@Suite("Which broker is meant")
struct FoundBrokerTests {
    private let home = NSTemporaryDirectory() + "membus-home-\(UUID().uuidString)"

    /// A data directory that this process has, as a broker would.
    private func held(_ directory: String, _ endpoints: [String]) throws -> Int32 {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let files = BrokerFiles(directory)
        let lock = open(files.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        #expect(flock(lock, LOCK_EX) == 0)
        try files.tell(endpoints)
        return lock
    }

    @Test("what the caller says, what the environment says, who has the directory, the usual place")
    func order() throws {
        defer { try? FileManager.default.removeItem(atPath: home) }
        let environment = ["HOME": home, "MEMBUS_BROKER": "tcp://named:1"]
        #expect(FoundBroker.find(said: "ipc:///said", in: environment) == FoundBroker("ipc:///said", .said))
        #expect(FoundBroker.find(in: environment) == FoundBroker("tcp://named:1", .environment))
        #expect(FoundBroker.find(in: ["HOME": home]) == FoundBroker(FoundBroker.usual, .usual))
        let lock = try held(home + "/.membus", ["ipc:///there", "tcp://127.0.0.1:5"])
        let found = FoundBroker("ipc:///there", .hasDirectory(home + "/.membus"))
        #expect(FoundBroker.find(in: ["HOME": home, "MEMBUS_BROKER": ""]) == found)
        #expect(FoundBroker.find(in: ["HOME": "/nowhere", "MEMBUS_DATA": home + "/.membus"]) == found)
        #expect(FoundBroker.find(in: ["HOME": home, "MEMBUS_DATA": "~/.membus"]) == found)
        #expect(FoundBroker.find(in: ["HOME": home, "MEMBUS_DATA": home]).reason == .usual)
        // Nobody has it any more: what is said there is of one that was killed. Unlocked by name, since a process that
        // another test starts at this moment may hold a copy of the descriptor.
        #expect(flock(lock, LOCK_UN) == 0)
        close(lock)
        #expect(FileManager.default.fileExists(atPath: home + "/.membus/address"))
        #expect(FoundBroker.find(in: ["HOME": home]).reason == .usual)
    }

    @Test("one is started only where nobody is known, and nobody listens at the usual place")
    func starting() throws {
        let environment = ["HOME": home, "MEMBUS_BROKER": "tcp://named:1"]
        _ = try FoundBroker.find(in: environment) { _ in throw Unexpected("started") }
        guard !Listener.isThere(FoundBroker.usual) else { return }
        let found = try FoundBroker.find(in: ["HOME": home]) { directory in
            #expect(directory == home + "/.membus")
            return "ipc:///new"
        }
        #expect(found == FoundBroker("ipc:///new", .started(in: home + "/.membus")))
    }

    @Test("whoever listens at a path or a port is seen, and nobody who does not")
    func listeners() throws {
        let path = NSTemporaryDirectory() + "membus-\(UInt32.random(in: 0 ... .max)).sock"
        #expect(!Listener.isThere("ipc://\(path)") && !Listener.isThere("tcp://127.0.0.1:1"))
        let context = try Context()
        let server = try RequestServer(
            in: context, endpoints: ["ipc://\(path)", "tcp://127.0.0.1:*"], options: SocketOptions())
        #expect(server.endpoints.allSatisfy(Listener.isThere))
    }

    @Test("a programme that is none, or starts nothing, is told of by name")
    func programs() throws {
        let directory = home + "/data"
        defer { try? FileManager.default.removeItem(atPath: home) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for program in ["/nowhere/membus", "/bin/false"] {
            do {
                _ = try BrokerStart.ensure(directory, by: program, in: [:])
                throw Unexpected("it started")
            } catch MembusError.file(let path, _) {
                #expect(path == program)
            }
        }
        #expect(BrokerStart.program(in: ["MEMBUS_PROGRAM": "/x/membus"]) == "/x/membus")
    }
}
