import Logging
import MembusModel
import Testing

@testable import MembusBroker

@Suite("Who reaches a broker")
struct ExposureTests {
    @Test(
        "paths and addresses that loop back are this machine's own",
        arguments: [
            "ipc:///run/m", "ipc://@m", "tcp://127.0.0.1:7401", "tcp://127.1.2.3:*", "tcp://localhost:7401",
            "tcp://LocalHost:0", "tcp://[::1]:7401", "tcp://::1:7401", "tcp://[0:0:0:0:0:0:0:1]:1",
            "tcp://[::ffff:127.0.0.1]:1",
        ])
    func loopback(_ endpoint: String) { #expect(Exposure.isLoopback(endpoint)) }

    @Test(
        "everything else may be reached from elsewhere",
        arguments: [
            "tcp://*:7401", "tcp://0.0.0.0:7401", "tcp://[::]:7401", "tcp://:::7401", "tcp://lo:7401",
            "tcp://eth0:7401",
            "tcp://10.0.0.1:7401", "tcp://128.0.0.1:1", "tcp://127.0.0.1.example.org:1", "tcp://127.0.0:1",
            "tcp://127.0.0.256:1", "tcp://127.0.0.1 :1", "tcp://127.0.0.+1:1", "tcp://[::2]:1", "tcp://[::1%lo]:1",
            "tcp://[::ffff:10.0.0.1]:1", "tcp://localhost.example.org:1", "tcp://:1", "udp://127.0.0.1:1", "",
        ])
    func exposed(_ endpoint: String) { #expect(!Exposure.isLoopback(endpoint)) }

    @Test("what others can reach is refused unless it is said to be meant, and nothing is made for it")
    func refusal() {
        var configuration = Configuration(
            dataDirectory: "/nowhere/at/all", requests: ["tcp://127.0.0.1:*"], events: ["ipc:///s", "tcp://*:*"])
        #expect(configuration.exposed == ["tcp://*:*"])
        #expect(configuration.exposureRefusal?.subject == "tcp://*:*")
        #expect(configuration.exposureRefusal?.hint.contains("--insecure") == true)
        #expect(throws: Refusal.self) { try Broker.start(configuration, log: Logger(label: "test")) }
        configuration.isInsecure = true
        #expect(configuration.exposureRefusal == nil)
        configuration.isInsecure = false
        configuration.events = ["tcp://[::1]:*"]
        #expect(configuration.exposureRefusal == nil)
    }
}
