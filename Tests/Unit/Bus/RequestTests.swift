import Foundation
import Testing

@testable import MembusBus

@Suite(.serialized) struct RequestTests {
    let context: Context
    init() throws { context = try Context() }

    @Test(
        "bare and delimited requests are answered in their own shape", arguments: ["tcp://127.0.0.1:*", ipcEndpoint()])
    func shapes(endpoint: String) throws {
        var server = try RequestServer(in: context, endpoints: [endpoint], options: quick())
        for framing in [RequestClient.Framing.bare, .delimited] {
            var client = try RequestClient(
                in: context, endpoint: server.endpoints[0], framing: framing, options: quick())
            #expect(try client.send(Array("ask".utf8)) == .sent)
            let request = try server.requests(1)[0]
            #expect(request.body == Array("ask".utf8))
            #expect(request.peer.isDelimited == (framing == .delimited))
            #expect(try server.reply(to: request.peer, Data("answer".utf8)) == .sent)
            #expect(try client.replies(1) == [Array("answer".utf8)])
        }
        #expect(server.malformed == 0)
    }

    @Test("a REQ gets its reply, also an empty one")
    func req() throws {
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        let client = try Socket(.req, in: context, options: quick())
        try client.connect(server.endpoints[0])
        for answer in [[UInt8]("yes".utf8), []] {
            #expect(try eventually { try client.send([7, 7]) == .sent ? true : nil })
            let request = try server.requests(1)[0]
            #expect(request.peer.isDelimited && request.body == [7, 7])
            #expect(try server.reply(to: request.peer, answer) == .sent)
            #expect(try eventually { try client.receiveMessage() } == [answer])
        }
    }

    @Test("an empty body is a request, with or without a delimiter")
    func emptyBody() throws {
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        let client = try Socket(.dealer, in: context, options: quick())
        try client.connect(server.endpoints[0])
        _ = try client.send(frames: [[]])
        _ = try client.send(frames: [[], []])
        let requests = try server.requests(2)
        #expect(requests.map(\.body) == [[], []])
        #expect(requests.map(\.peer.isDelimited) == [false, true])
    }

    @Test("messages of a wrong shape are dropped and counted, those behind them are served")
    func wrongShapes() throws {
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        let client = try Socket(.dealer, in: context, options: quick())
        try client.connect(server.endpoints[0])
        _ = try client.send(frames: [[1], [2]])
        _ = try client.send(frames: [[], [1], [2]])
        _ = try client.send(frames: [[UInt8]](repeating: [9, 9], count: 50_000))
        _ = try client.send(frames: [[42]])
        #expect(try server.requests(1).map(\.body) == [[42]])
        #expect(server.malformed == 3)
    }

    @Test("a whole message is received only within its bound of frames")
    func boundedMessage() throws {
        let server = try Socket(.router, in: context, options: quick())
        let endpoint = try server.bind("tcp://127.0.0.1:*")
        let client = try Socket(.dealer, in: context, options: quick())
        try client.connect(endpoint)
        _ = try client.send(frames: [[UInt8]](repeating: [1], count: 8))
        _ = try client.send(frames: [[UInt8]](repeating: [1], count: 7))
        #expect(try eventually { try server.receiveMessage(atMost: 8) } == [])
        #expect(try eventually { try server.receiveMessage(atMost: 8) }.count == 8)
    }

    @Test("an oversized frame disconnects its sender and nobody else")
    func oversized() throws {
        var options = quick()
        options.maxFrameBytes = 10_000
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: options)
        var good = try RequestClient(in: context, endpoint: server.endpoints[0], options: quick())
        let bad = try RequestClient(in: context, endpoint: server.endpoints[0], options: quick())
        _ = try good.send([1])
        _ = try bad.send([2])
        let first = try server.requests(2)
        let badPeer = try #require(first.first { $0.body == [2] }).peer
        let goodPeer = try #require(first.first { $0.body == [1] }).peer
        _ = try bad.send([UInt8](repeating: 0, count: 10_001))
        #expect(try eventually { try server.reply(to: badPeer, [3]) == .unroutable ? true : nil })
        #expect(try server.reply(to: goodPeer, [4]) == .sent)
        #expect(try good.replies(1) == [[4]])
        _ = try good.send([UInt8](repeating: 5, count: 10_000))
        #expect(try server.requests(1)[0].body.count == 10_000)
    }

    @Test("a reply to a peer that is gone is unroutable, and to one that reads nothing would block")
    func unreachable() throws {
        var options = quick()
        options.sendMark = 10
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: options)
        let nobody = PeerEnvelope(identity: [0, 1, 2, 3, 4], isDelimited: false)
        #expect(try server.reply(to: nobody, [1]) == .unroutable)
        var deafOptions = quick()
        deafOptions.receiveMark = 1
        let deaf = try RequestClient(in: context, endpoint: server.endpoints[0], options: deafOptions)
        _ = try deaf.send([1])
        let peer = try server.requests(1)[0].peer
        let large = [UInt8](repeating: 0, count: 1 << 20)
        var sent = Sent.sent
        for _ in 0..<100 where sent == .sent { sent = try server.reply(to: peer, large) }
        #expect(sent == .wouldBlock)
    }

    @Test("large replies that are not read are bounded in bytes, one peer's and all peers', and small ones still fit")
    func bounded() throws {
        var bounds = ReplyBounds()
        (bounds.peerBytes, bounds.wholeBytes) = (20 << 20, 30 << 20)
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick(), bounds: bounds)
        let large = [UInt8](repeating: 0, count: 1 << 20)
        var clients: [PeerEnvelope] = []
        var deafOptions = quick()
        deafOptions.receiveMark = 1
        func fill(_ peer: PeerEnvelope) throws -> Int {
            var count = 0
            while count < 200, try server.reply(to: peer, large) == .sent { count += 1 }
            #expect(try server.reply(to: peer, [1, 2, 3]) == .sent)
            return count
        }
        let first = try RequestClient(in: context, endpoint: server.endpoints[0], options: deafOptions)
        _ = try first.send([1])
        clients.append(try server.requests(1)[0].peer)
        // What the kernel takes of them on its way is not held here.
        #expect(20...60 ~= (try fill(clients[0])))
        let second = try RequestClient(in: context, endpoint: server.endpoints[0], options: deafOptions)
        _ = try second.send([1])
        clients.append(try server.requests(1)[0].peer)
        #expect(1...50 ~= (try fill(clients[1])))
        var reader = try RequestClient(in: context, endpoint: server.endpoints[0], options: quick())
        _ = try reader.send([1])
        let peer = try server.requests(1)[0].peer
        for _ in 0..<40 {
            #expect(try eventually { try server.reply(to: peer, large) == .sent ? true : nil })
            #expect(try reader.replies(1) == [large])
        }
        // Open until here: what waits in them counts.
        withExtendedLifetime(first) {}
        withExtendedLifetime(second) {}
    }

    @Test("a client finds the server again after it was bound anew")
    func rebind() throws {
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*"], options: quick())
        let endpoint = server.endpoints[0]
        var client = try RequestClient(in: context, endpoint: endpoint, options: quick())
        _ = try client.send([1])
        #expect(try server.requests(1).count == 1)
        server = try RequestServer(in: context, endpoints: [ipcEndpoint()], options: quick())
        server = try eventually { try? RequestServer(in: context, endpoints: [endpoint], options: quick()) }
        let peer = try eventually {
            _ = try client.send([2])
            return try? server.requests(1, within: .milliseconds(50))[0].peer
        }
        #expect(try server.reply(to: peer, [3]) == .sent)
        #expect(try client.replies(1) == [[3]])
        try client.reopen()
        _ = try client.send([4])
        #expect(try eventually { try? server.requests(1, within: .milliseconds(50)).last?.body == [4] ? true : nil })
    }

    @Test("a server listens at several endpoints")
    func severalEndpoints() throws {
        var server = try RequestServer(in: context, endpoints: ["tcp://127.0.0.1:*", ipcEndpoint()], options: quick())
        for endpoint in server.endpoints {
            let client = try RequestClient(in: context, endpoint: endpoint, options: quick())
            _ = try client.send([1])
            #expect(try server.requests(1).count == 1)
        }
    }
}
