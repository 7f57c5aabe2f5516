import Foundation
import Synchronization
import Testing

@testable import MembusBus

@Suite(.serialized) struct ThreadTests {
    @Test("a storm of signals wakes the thread as often as needed, and nothing is left behind")
    func wakerStorm() throws {
        let waker = try Waker()
        let inbox = Inbox<Int>(capacity: .max, waker: waker)
        let producers = 4
        let each = 50_000
        let threads = try (0..<producers).map { producer in
            try BusThread.start(name: "producer") {
                for index in 0..<each { _ = inbox.push(producer * each + index) }
            }
        }
        var poller = Poller()
        var buffer: [Int] = []
        var last = [Int](repeating: -1, count: producers)
        var received = 0
        while received < producers * each {
            let ready = try poller.wait(waker.readable, timeout: .seconds(5))
            guard ready[0] else {
                Issue.record("a wake-up was lost: \(inbox.count) wait")
                break
            }
            waker.drain()
            inbox.take(into: &buffer)
            for element in buffer {
                #expect(element % each == last[element / each] + 1)
                last[element / each] = element % each
            }
            received += buffer.count
        }
        for thread in threads { thread.join() }
        #expect(received == producers * each)
    }

    @Test("a full inbox refuses, and takes again once it was emptied")
    func inboxBound() throws {
        let inbox = Inbox<Int>(capacity: 3, waker: try Waker())
        #expect(inbox.push(1) && inbox.push(contentsOf: [2, 3]))
        #expect(!inbox.push(4))
        var taken: [Int] = [9]
        inbox.take(into: &taken)
        #expect(taken == [1, 2, 3])
        #expect(!inbox.push(contentsOf: [1, 2, 3, 4]))
        #expect(inbox.push(5))
        inbox.take(into: &taken)
        #expect(taken == [5])
    }

    @Test("one loop waits for router, publisher and waker together")
    func combinedLoop() throws {
        struct Ports: ~Copyable {
            var server: RequestServer
            var publisher: EventPublisher
        }
        let context = try Context()
        let waker = try Waker()
        let inbox = Inbox<[UInt8]>(capacity: 10, waker: waker)
        let (thread, endpoints) = try BusThread.start(name: "loop") {
            Ports(
                server: try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick()),
                publisher: try EventPublisher(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick()))
        } report: { ports in
            (ports.server.endpoints[0], ports.publisher.endpoints[0])
        } run: { ports in
            var ports = ports
            var poller = Poller()
            var commands: [[UInt8]] = []
            while let ready = try? poller.wait(
                ports.server.readable, ports.publisher.readable, waker.readable, timeout: .seconds(1))
            {
                if ready[2] {
                    waker.drain()
                    inbox.take(into: &commands)
                    for command in commands {
                        try? ports.publisher.publish(topic: EventSubscriber.heartbeats, command)
                    }
                }
                if ready[1] { _ = try? ports.publisher.drainSubscriptions() }
                if ready[0] {
                    var requests: [(PeerEnvelope, [UInt8])] = []
                    _ = try? ports.server.receive(max: 100) { requests.append(($0, $1.array)) }
                    for (peer, body) in requests { _ = try? ports.server.reply(to: peer, body.reversed() as [UInt8]) }
                }
            }
        }
        var client = try RequestClient(in: context, endpoint: endpoints.0, options: quick())
        var subscriber = try EventSubscriber(in: context, endpoint: endpoints.1, options: quick())
        _ = try client.send([1, 2, 3])
        #expect(try client.replies(1) == [[3, 2, 1]])
        try eventually {
            _ = inbox.push([7])
            return (try? subscriber.events(1, within: .milliseconds(50))).map { _ in () }
        }
        // The loop ends when the context is shut down.
        context.shutdown()
        thread.join()
    }

    @Test("an error in opening a thread's ports reaches the starter")
    func openError() throws {
        let context = try Context()
        let first = try Socket(.router, in: context)
        let endpoint = try first.bind("tcp://127.0.0.1:*")
        let error = #expect(throws: BusError.self) {
            _ = try BusThread.start(name: "loop") {
                try RequestServer(in: context, endpoints: [endpoint], options: SocketOptions())
            } report: { _ in
            } run: { _ in
            }
        }
        #expect(error?.kind == .addressInUse)
        #expect(
            error?.description == "cannot listen at \(endpoint): Address already in use; "
                + "another process listens there: stop it, or choose another port")
    }

    @Test("a closed context fails its calls instead of crashing")
    func closedContext() throws {
        let context = try Context()
        let thread = try BusThread.start(name: "owner") {
            guard let socket = try? Socket(.dealer, in: context) else { return }
            var poller = Poller()
            let error = #expect(throws: BusError.self) { _ = try poller.wait(.readable(socket), timeout: nil) }
            #expect(error?.kind == .closed)
        }
        usleep(20_000)
        context.close()
        context.close()
        thread.join()
        #expect(throws: BusError.self) { _ = try Socket(.dealer, in: context) }
    }
}

@Suite struct BusErrorTests {
    @Test(
        "errors name the endpoint and what to do",
        arguments: [
            ("tcp://nowhere:x", BusError.Kind.invalidEndpoint), ("udp-ish", .invalidEndpoint),
            ("foo://bar", .invalidEndpoint),
            ("tcp://192.0.2.1:7401", .noSuchInterface), ("ipc:///nonexistent/dir/socket", .invalidEndpoint),
            ("ipc:///tmp/" + String(repeating: "x", count: 200), .invalidEndpoint),
        ])
    func kinds(endpoint: String, kind: BusError.Kind) throws {
        let socket = try Socket(.router, in: try Context())
        let error = #expect(throws: BusError.self) { try socket.bind(endpoint) }
        #expect(error?.kind == kind, "\(String(describing: error))")
        #expect(error?.description.contains(endpoint) == true)
    }

    @Test("a frame's bytes are seen in place, small or large", arguments: [0, 1, 33, 34, 100_000])
    func frames(size: Int) throws {
        let context = try Context()
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        let client = try RequestClient(in: context, endpoint: server.endpoints[0], options: quick())
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        _ = try client.send(body)
        var isEqual = false
        try eventually {
            try server.receive(max: 1) { _, frame in
                isEqual =
                    frame.count == size && frame.array == body && frame.data == Data(body)
                    && frame.withBytes { span in
                        span.byteCount == size
                            && (0..<size).allSatisfy { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == body[$0] }
                    }
            } == 1 ? () : nil
        }
        #expect(isEqual)
    }
}
