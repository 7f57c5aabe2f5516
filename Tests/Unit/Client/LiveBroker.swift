import Foundation
import Logging
import Membus
import MembusBroker

/// A real broker on free ports, on a directory of its own that goes with it.
final class LiveBroker {
    private(set) var broker: Broker
    let directory: String
    private var configuration: Configuration

    init() throws {
        directory = NSTemporaryDirectory() + "membus-client-" + UUID().uuidString
        configuration = Configuration(
            dataDirectory: directory, requests: ["tcp://127.0.0.1:*"], events: ["tcp://127.0.0.1:*"])
        broker = try Broker.start(configuration, log: Self.log)
        configuration.requests = broker.requestEndpoints
        configuration.events = broker.eventEndpoints
    }

    deinit {
        broker.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    var url: String { broker.requestEndpoints[0] }
    static var log: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }

    /// Stops it, and starts another on the same data and ports.
    func restart() throws {
        broker.stop()
        broker = try Broker.start(configuration, log: Self.log)
    }
}
