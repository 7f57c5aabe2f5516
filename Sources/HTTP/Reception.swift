import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import MembusMCP
import NIOCore

// Where requests come in. Each is looked at in this order, and what fails first is said:
//
//   who may come in (Host, Origin, token) ─▶ path ─▶ method ─▶ headers ─▶ body ─▶ session or header rules ─▶ answered
//
// Of both eras the endpoint is the same. The version in the header tells which is meant; without it, the handshake's.

struct Reception: Sendable {
    static let path = "/mcp"

    let server: MembusMCP.Server
    let gatekeeper: Gatekeeper
    let sessions = Sessions()
    let streams = OpenStreams()
    private let bodies = Bodies()

    init(_ server: MembusMCP.Server, _ gatekeeper: Gatekeeper) {
        self.server = server
        self.gatekeeper = gatekeeper
    }

    func answer(
        _ request: HummingbirdCore.Request, _ writer: consuming ResponseWriter, _ channel: any Channel
    ) async throws {
        let head = RequestHead(request.head)
        let caller = Caller(writer, channel, gatekeeper.sharing(with: request.head))
        if let refusal = refusal(request.head, head) {
            try await Writing.write(refusal, caller)
            return
        }
        switch (head.method, head.isOfHandshake) {
        case (.get, true): try await stream(head, caller)
        case (.delete, true): try await Writing.write(await end(head), caller)
        case (.post, _):
            if head.wantsContinue { try await caller.writer.writeInformationalHead(.init(status: .continue)) }
            try await post(head, request.body, caller)
        case (.options, _) where head.isPreflight: try await Writing.write(Gatekeeper.preflight(head), caller)
        case (_, let isOfHandshake):
            let answer = Answer.notAllowed(isOfHandshake ? "GET, POST, DELETE" : "POST")
            try await Writing.write(answer, caller)
        }
    }

    /// What is wrong with a request before its body is read.
    private func refusal(_ request: HTTPRequest, _ head: RequestHead) -> Answer? {
        if let refusal = gatekeeper.refusal(request) { return refusal }
        guard head.path == Self.path || head.path == Self.path + "/" else {
            return .refused(404, "there is nothing here; the endpoint is \(Self.path)")
        }
        switch head.method {
        case .get where head.isOfHandshake && !head.accepts("text/event-stream"):
            return .refused(406, "Accept must allow text/event-stream")
        case .post where !head.isJSON: return .refused(415, "Content-Type must be application/json")
        case .post where !head.accepts("application/json") || !head.accepts("text/event-stream"):
            return .refused(406, "Accept must allow application/json and text/event-stream")
        default: return nil
        }
    }

    // MARK: Sessions

    /// What the server says unasked, of a session.
    private func stream(_ head: RequestHead, _ caller: consuming Caller) async throws {
        guard let name = head.session, let session = await sessions.enter(name) else {
            try await Writing.write(Self.noSession(head), caller)
            return
        }
        let reader = await session.outbox.newReader()
        let channel = caller.channel
        HangUp.set(channel) { sign in
            Task {
                switch sign {
                case .silent: await session.outbox.doubt(reader)
                case .gone: await session.outbox.dismiss(reader)
                }
            }
        }
        do {
            var stream = try await EventStream(caller, [.sessionID: name])
            try await stream.ping()
            try await stream.pass(on: session.outbox, as: reader)
            try await stream.end()
        } catch {
            await session.outbox.dismiss(reader)
            await sessions.leave(name)
            throw error
        }
        await sessions.leave(name)
        HangUp.set(channel, nil)
    }

    private func end(_ head: RequestHead) async -> Answer {
        guard let name = head.session, await sessions.remove(name) else { return Self.noSession(head) }
        return Answer(200)
    }

    private static func noSession(_ head: RequestHead) -> Answer {
        head.session == nil
            ? .refused(400, "Mcp-Session-Id is missing: begin with initialize")
            : .refused(404, "there is no such session any more: begin with initialize")
    }

    // MARK: Messages

    private func post(
        _ head: RequestHead, _ body: RequestBody, _ caller: consuming Caller
    ) async throws {
        let read = try await bodies.read(body, caller.channel)
        switch read.content {
        case .refused(let answer): try await Writing.write(answer, caller)
        case .whole(let data):
            let incoming = Incoming(data)
            if case .one(.invalid(let id, let error)) = incoming {
                try await Writing.write(.error(400, id, error), caller)
            } else if head.isOfHandshake {
                try await handshake(head, incoming, weight: read.weight, caller)
            } else {
                try await stateless(head, incoming, weight: read.weight, caller)
            }
        }
        _ = consume read
    }

    private func stateless(
        _ head: RequestHead, _ incoming: Incoming, weight: Int, _ caller: consuming Caller
    ) async throws {
        let refusal: Answer?
        switch incoming {
        case .several: refusal = .refused(400, "messages come one by one")
        case .one(.answer): refusal = .refused(400, "nothing was asked")
        case .one(.notification):
            let isKnown = head.version.map { ProtocolVersions.isKnown($0) } ?? false
            refusal = isKnown ? Answer(202) : .unsupported(head.version)
        case .one(let message):
            if let routing = head.routing {
                refusal = routing.fault(message).map { .error(Answer.status(ofCode: $0.code), message.id, $0) }
            } else {
                refusal = .error(400, message.id, .headerMismatch("a header of the protocol is there twice"))
            }
        }
        if let refusal {
            try await Writing.write(refusal, caller)
            return
        }
        let handover = Handover()
        let conversation = Conversation(server: server) { await handover.give($0) }
        let exchange = Exchange(conversation, handover, streams, isStateless: true)
        try await exchange.run(incoming, weight: weight, caller)
    }

    private func handshake(
        _ head: RequestHead, _ incoming: Incoming, weight: Int, _ caller: consuming Caller
    ) async throws {
        if let fault = incoming.faultOfHandshake {
            try await Writing.write(.error(400, incoming.id, fault), caller)
            return
        }
        guard let name = head.session else {
            try await Writing.write(await greet(head, incoming), caller)
            return
        }
        guard let session = await sessions.enter(name) else {
            try await Writing.write(Self.noSession(head), caller)
            return
        }
        do {
            if case .several = incoming, await !session.conversation.takesBatches {
                try await Writing.write(.refused(400, "messages come one by one since 2025-06-18"), caller)
            } else if incoming.isAnswered {
                let exchange = Exchange(session.conversation, Handover(), streams, isStateless: false)
                try await exchange.run(incoming, weight: weight, caller)
            } else {
                await session.conversation.take(incoming)
                try await Writing.write(Answer(202), caller)
            }
        } catch {
            await sessions.leave(name)
            throw error
        }
        await sessions.leave(name)
    }

    /// A first message: a handshake, from which a session comes.
    private func greet(_ head: RequestHead, _ incoming: Incoming) async -> Answer {
        guard incoming.isInitialize else { return Self.noSession(head) }
        let (outbox, answers) = (Handover(), Handover())
        let conversation = Conversation(server: server) { await outbox.give($0) }
        let work = Task { _ = await conversation.take(incoming) { await answers.give($0) } }
        guard case .message(let message) = await answers.take(within: .seconds(60)) else {
            work.cancel()
            await conversation.end()
            return .error(503, nil, .busy)
        }
        var answer = Answer(200, message)
        guard await conversation.version != nil else { return answer }
        guard let name = await sessions.add(Sessions.Session(conversation: conversation, outbox: outbox)) else {
            var refusal = Answer.error(503, nil, .busy)
            refusal.headers[.retryAfter] = "60"
            return refusal
        }
        answer.headers[.sessionID] = name
        return answer
    }
}
