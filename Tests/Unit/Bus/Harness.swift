import Foundation
import Testing

@testable import MembusBus

/// Polls until `attempt` gives something; the tests' only way of waiting.
func eventually<R: ~Copyable>(within limit: Duration = .seconds(5), _ attempt: () throws -> R?) throws -> R {
    let clock = ContinuousClock()
    let end = clock.now + limit
    repeat {
        if let result = try attempt() { return result }
        usleep(2000)
    } while clock.now < end
    throw TimedOut()
}

struct TimedOut: Error {}

/// Options under which lost connections come back fast.
func quick() -> SocketOptions {
    var options = SocketOptions()
    options.reconnect = .milliseconds(10)
    options.reconnectMax = .milliseconds(50)
    return options
}

extension RequestServer {
    /// Receives whatever comes within the limit, until `count` requests are there.
    mutating func requests(_ count: Int, within limit: Duration = .seconds(5)) throws -> [(
        peer: PeerEnvelope, body: [UInt8]
    )] {
        var all: [(peer: PeerEnvelope, body: [UInt8])] = []
        return try eventually(within: limit) {
            _ = try receive(max: 100) { peer, body in all.append((peer, body.array)) }
            return all.count >= count ? all : nil
        }
    }
}

extension RequestClient {
    mutating func replies(_ count: Int, within limit: Duration = .seconds(5)) throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        return try eventually(within: limit) {
            _ = try receive(max: 100) { all.append($0.array) }
            return all.count >= count ? all : nil
        }
    }
}

extension EventSubscriber {
    /// Receives for as long as the limit says, or until `count` messages are there.
    mutating func events(_ count: Int, within limit: Duration = .seconds(5)) throws -> [(
        topic: [UInt8], payload: [UInt8]
    )] {
        var all: [(topic: [UInt8], payload: [UInt8])] = []
        return try eventually(within: limit) {
            _ = try receive(max: 100) { topic, payload in all.append(([UInt8](topic), payload.array)) }
            return all.count >= count ? all : nil
        }
    }
}

extension EventPublisher {
    /// Waits until this many subscriptions (and ends of them) have been heard since the start.
    mutating func awaitSubscriptions(_ count: Int64) throws {
        try eventually {
            _ = try drainSubscriptions()
            return subscriptions >= count ? () : nil
        }
    }
}

func ipcEndpoint() -> String { "ipc:///tmp/membus-test-\(UUID().uuidString.prefix(8))" }
func topic(_ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: 16) }
