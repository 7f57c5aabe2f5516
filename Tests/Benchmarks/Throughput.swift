import CZeroMQ
import Foundation
import Membus

/// 16 clients with 16 transactions in flight each. One thread plays all clients; it shares the machine with the
/// broker, which a real team's agents would not.
enum Throughput {
    static let benchmark = Benchmark(name: "throughput", about: "16 clients with 16 in flight", run: run)
    static let clients = 16
    static let inFlight = 16

    private static func run(_ setting: Setting) async throws -> [Row] {
        let data = try setting.directory("throughput")
        defer { setting.drop(data) }
        let broker = try BrokerProcess(setting, data: data)
        defer { broker.stop() }
        let memory = try await Memory.connect(to: broker.endpoint, as: "observer")
        let rounds = setting.rounds(7)
        let seconds = setting.isQuick ? 1.0 : 3.0

        let load = try WireLoad(endpoint: broker.endpoint, clients: clients, inFlight: inFlight)
        _ = try load.run(seconds: 1)
        let before = try await memory.status().figures
        var (rates, brokerCost, ownCost) = (Samples(), Samples(), Samples())
        var total = 0
        for _ in 0..<rounds {
            let (busy, own) = (broker.processorSeconds, Clock.processorSeconds)
            let (commits, taken) = try load.run(seconds: seconds)
            total += commits
            rates.add(Double(commits) / taken)
            brokerCost.add((broker.processorSeconds - busy) * 1e6 / Double(commits))
            ownCost.add((Clock.processorSeconds - own) * 1e6 / Double(commits))
        }
        let after = try await memory.status().figures
        guard after.head.revision - before.head.revision == Int64(total) else {
            throw Trouble(
                "\(total) commits were acknowledged, but the head rose by \(after.head.revision - before.head.revision)"
            )
        }
        let batch = Double(total) / Double(max(1, after.batches - before.batches))
        let queued = try await throughClient(broker, setting)
        await memory.close()
        return [
            Row(
                measure: "durable commits of 512 B per second, 16 clients × 16 in flight",
                result: grouped(rates.median),
                target: "≥ 40,000", spread: rates.groupedSpread,
                yardstick: "processor time per commit: broker \(format(brokerCost.median, "µs")), load generator "
                    + "\(format(ownCost.median, "µs")); \(format(batch, "")) commits per sync, one of which takes "
                    + "\(format(Double(after.syncMedian.wholeNanoseconds) / 1000, "µs"))",
                isMet: rates.median >= 40_000),
            Row(
                measure: "the same through 16 `Memory` objects in one process", result: grouped(queued.median),
                spread: queued.groupedSpread),
        ]
    }

    private static func throughClient(_ broker: BrokerProcess, _ setting: Setting) async throws -> Samples {
        var memories: [Memory] = []
        for number in 0..<clients {
            memories.append(try await Memory.connect(to: broker.endpoint, as: "client-\(number)"))
        }
        var rates = Samples()
        let count = setting.scaled(3000)
        for round in 0..<setting.rounds(5) {
            let start = Clock.nanoseconds
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, memory) in memories.enumerated() {
                    for lane in 0..<inFlight {
                        group.addTask {
                            let value = Data(repeating: 118, count: 512)
                            for index in 0..<count / inFlight {
                                let key = Key(unchecked: "client/\(number)/\(lane)/\((round * count + index) % 600)")
                                try await memory.submit(Transaction(changes: [Change(key, .put(Put(value)))]))
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            rates.add(Double(count / inFlight * inFlight * clients) / (Double(Clock.nanoseconds - start) / 1e9))
        }
        for memory in memories { await memory.close() }
        return rates
    }
}

/// Keeps every client's window full.
final class WireLoad {
    private struct Lane {
        let client: WireClient
        var sent: UInt64 = 0
        var answered: UInt64 = 0
    }
    private let inFlight: UInt64
    private var lanes: [Lane] = []
    private var items: [zmq_pollitem_t] = []

    init(endpoint: String, clients: Int, inFlight: Int) throws {
        self.inFlight = UInt64(inFlight)
        guard let context = zmq_ctx_new() else { throw Trouble("ZeroMQ does not start") }
        for number in 0..<clients {
            let client = try WireClient(in: context, endpoint: endpoint, name: "load-\(number)")
            lanes.append(Lane(client: client))
            items.append(zmq_pollitem_t(socket: client.socket, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0))
        }
    }

    /// - Returns: the commits that were acknowledged, and the seconds that they took.
    func run(seconds: Double) throws -> (commits: Int, seconds: Double) {
        let start = Clock.nanoseconds
        let end = start + Int64(seconds * 1e9)
        let before = lanes.reduce(0) { $0 + $1.answered }
        for index in lanes.indices { try fill(index) }
        var isOver = false
        while lanes.contains(where: { $0.answered < $0.sent }) {
            guard zmq_poll(&items, Int32(items.count), 20_000) > 0 else { throw Trouble("the broker does not answer") }
            isOver = isOver || Clock.nanoseconds >= end
            for index in lanes.indices where items[index].revents != 0 {
                while try lanes[index].client.receive() { lanes[index].answered += 1 }
                if !isOver { try fill(index) }
            }
        }
        let commits = lanes.reduce(0) { $0 + $1.answered } - before
        return (Int(commits), Double(Clock.nanoseconds - start) / 1e9)
    }

    private func fill(_ index: Int) throws {
        while lanes[index].sent - lanes[index].answered < inFlight {
            lanes[index].sent += 1
            let lane = lanes[index]
            try lane.client.send(number: lane.sent, acknowledged: lane.answered, key: Int(lane.sent % 10_000))
        }
    }
}
