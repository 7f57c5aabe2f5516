import MembusDocuments
import MembusModel

// One client's conversation, whatever carries it.
//
//   message in ─▶ request: a task of its own ─▶ result or error out
//              ─▶ notification: `cancelled` ends a task, which then says nothing
//              ─▶ broken: an error out
//
// Invariants:
//   1. Each request that was not cancelled is answered once, by its id; a batch by one array. What is said on the way goes where
//      the answer goes, what nobody asked for where the conversation's own messages go.
//   2. No more than `mostUnderWay` requests are under way, nor more than `mostHeld` bytes of them; more are refused, so that what
//      a client can hold here is bounded.
//   3. What cannot be sent is waited for: a client that stops reading stops being read.
//   4. Once it has ended, nothing is sent any more, and nothing is under way.

/// Where messages go.
package typealias Outlet = @Sendable (JSONValue) async -> Void

package actor Conversation {
    /// Those that wait, and subscriptions, included.
    static let mostUnderWay = 128
    /// What their messages take in memory: see ``Incoming/weight(of:)``.
    static let mostHeld = 128 << 20

    private let server: Server
    private let send: Outlet
    /// Since a handshake.
    private var handshake: String?
    private var clientName: String?
    private var underWay: [RequestID: UnderWay] = [:]
    private struct UnderWay {
        let task: Task<Void, Never>
        let isOpenEnded: Bool
        let weight: Int
    }
    private var held = 0
    /// Of the handshake's era.
    private var subscriptions: [ByBytes: Task<Void, Never>] = [:]
    private static let mostSubscriptions = 1000
    private var hasEnded = false
    private var isLeaving = false

    /// - Parameter send: sends a message, once there is room for it.
    package init(server: Server, send: @escaping Outlet) {
        self.server = server
        self.send = send
    }

    /// - Parameters:
    ///   - weight: see ``Incoming/weight(of:)``.
    ///   - outlet: takes what there is to say to what came in; `nil`: it goes where all goes.
    /// - Returns: what is under way for it.
    @discardableResult
    package func take(
        _ incoming: Incoming, weight: Int = 0, through outlet: Outlet? = nil
    ) async -> [Task<Void, Never>] {
        let outlet = outlet ?? send
        switch incoming {
        case .one(let message):
            let task = await admit(message, weight, outlet) { if let answer = $0 { await outlet(answer.json) } }
            return task.map { [$0] } ?? []
        case .several(let messages):
            let batch = Batch(send: outlet)
            var tasks: [Task<Void, Never>] = []
            for message in messages {
                if message.isAnswered { await batch.expect() }
                if let task = await admit(message, weight / messages.count, outlet, { await batch.answer($0) }) {
                    tasks.append(task)
                }
            }
            await batch.close()
            return tasks
        }
    }

    /// What the handshake agreed on; `nil`: there was none.
    package var version: String? { handshake }
    /// The first version with a handshake alone knows several messages in one array.
    package var takesBatches: Bool { handshake.map { $0.hasSameBytes(as: "2025-03-26") } ?? false }

    /// Waits until what was asked for is answered. Subscriptions have no end.
    package func settle(within patience: Duration) async {
        let deadline = ContinuousClock.now + patience
        while underWay.values.contains(where: { !$0.isOpenEnded }), ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// - Parameter sayingGoodbye: subscriptions are told that it is over.
    package func end(sayingGoodbye: Bool = false) async {
        isLeaving = sayingGoodbye
        hasEnded = true
        let tasks = underWay.values.map(\.task) + Array(subscriptions.values)
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    // MARK: Messages

    /// - Parameter reply: takes the answer; `nil`: there will be none, since it was cancelled.
    /// - Returns: what is under way for it.
    private func admit(
        _ message: Message, _ weight: Int, _ outlet: @escaping Outlet,
        _ reply: @escaping @Sendable (Outgoing?) async -> Void
    ) async -> Task<Void, Never>? {
        switch message {
        case .answer: return nil
        case .invalid(let id, let error):
            await reply(.error(id, error))
            return nil
        case .notification(let method, let params):
            if method == "notifications/cancelled" { cancel(params) }
            return nil
        case .request(let id, let method, let params):
            let refusal: ProtocolError? =
                if underWay[id] != nil {
                    .invalidRequest("a request of this id is under way")
                } else {
                    underWay.count >= Self.mostUnderWay || held + weight > Self.mostHeld || hasEnded ? .busy : nil
                }
            if let refusal {
                await reply(.error(id, refusal))
                return nil
            }
            let task = begin(id, method, params, weight, outlet, reply)
            // What comes right behind it relies on what is agreed on.
            if method == "initialize" { await task.value }
            return task
        }
    }

    private func begin(
        _ id: RequestID, _ method: String, _ params: JSONNode?, _ weight: Int, _ outlet: @escaping Outlet,
        _ reply: @escaping @Sendable (Outgoing?) async -> Void
    ) -> Task<Void, Never> {
        let context: Result<Context, ProtocolError>
        do throws(ProtocolError) { context = .success(try self.context(id, method, params, outlet)) } catch {
            context = .failure(error)
        }
        let task = Task {
            let outgoing: Outgoing?
            do throws(ProtocolError) {
                let result = try await server.answer(method, params, try context.get(), self)
                outgoing = result.map { .result(id, $0) }
            } catch {
                outgoing = .error(id, error)
            }
            // A cancelled request is not answered. It is under way until its answer is sent: who does not read can have
            // no more of them waiting.
            let isCancelled = Task.isCancelled
            let told = isCancelled && !isLeaving ? nil : outgoing
            // What is said at the end, and what others are owed, is said by a task that nobody has cancelled.
            if isCancelled { await Task { await reply(told) }.value } else { await reply(told) }
            done(id)
        }
        underWay[id] = UnderWay(task: task, isOpenEnded: method == "subscriptions/listen", weight: weight)
        held += weight
        return task
    }

    private func done(_ id: RequestID) { held -= underWay.removeValue(forKey: id)?.weight ?? 0 }

    private func cancel(_ params: JSONNode?) {
        guard var fields = try? params?.fields(), let node = fields.take("requestId"), let id = RequestID(node) else {
            return
        }
        underWay[id]?.task.cancel()
    }

    /// In which era a request speaks, and for whom.
    private func context(
        _ id: RequestID, _ method: String, _ params: JSONNode?, _ outlet: @escaping Outlet
    ) throws(ProtocolError) -> Context {
        let meta = try RequestMeta(params)
        let notify: @Sendable (String, JSONValue) async -> Void = { [weak self] in
            await self?.tell($0, $1, outlet)
        }
        if let version = meta.version {
            guard version == ProtocolVersions.stateless else { throw .unsupportedVersion(version) }
            return Context(
                id: id, era: .stateless, meta: meta, clientName: meta.clientName, part: Room.Part(server.room),
                notify: notify)
        }
        if let handshake {
            return Context(
                id: id, era: .handshake(version: handshake), meta: meta, clientName: clientName,
                part: Room.Part(server.room), notify: notify)
        }
        guard method == "initialize" || method == "ping" else {
            throw .invalidParams(
                "_meta lacks \"io.modelcontextprotocol/protocolVersion\", and no initialize has come before")
        }
        return Context(
            id: id, era: .handshake(version: ProtocolVersions.handshake[0]), meta: meta, clientName: clientName,
            part: Room.Part(server.room), notify: notify)
    }

    // MARK: For the server

    func shakeHands(_ version: String, with name: String?) {
        handshake = version
        clientName = name
    }

    /// Unasked.
    func notify(_ method: String, _ params: JSONValue) async { await tell(method, params, send) }

    private func tell(_ method: String, _ params: JSONValue, _ outlet: Outlet) async {
        if !hasEnded { await outlet(Outgoing.notification(method: method, params: params).json) }
    }

    func subscribe(_ uri: String, _ body: @escaping @Sendable () async -> Void) throws(ProtocolError) {
        let name = ByBytes(uri)
        if hasEnded || subscriptions[name] != nil { return }
        guard subscriptions.count < Self.mostSubscriptions else { throw .busy }
        subscriptions[name] = Task { await body() }
    }
    func unsubscribe(_ uri: String) { subscriptions.removeValue(forKey: ByBytes(uri))?.cancel() }
}

/// What a request is answered by, besides what it says.
struct Context: Sendable {
    let id: RequestID
    let era: Era
    let meta: RequestMeta
    let clientName: String?
    /// Until the answer is sent.
    let part: Room.Part
    /// Tells the client something before the answer.
    let notify: @Sendable (_ method: String, _ params: JSONValue) async -> Void
}

/// The answers to several requests that came in one array: sent in one, when the last is there.
private actor Batch {
    private let send: Outlet
    private var answers: [JSONValue] = []
    private var expected = 0
    private var isClosed = false

    init(send: @escaping Outlet) { self.send = send }

    func expect() { expected += 1 }
    /// - Parameter answer: `nil`: there will be none.
    func answer(_ answer: Outgoing?) async {
        if let answer { answers.append(answer.json) }
        expected -= 1
        await sendIfComplete()
    }
    /// No more are expected.
    func close() async {
        isClosed = true
        await sendIfComplete()
    }
    private func sendIfComplete() async {
        guard isClosed, expected == 0, !answers.isEmpty else { return }
        let all = answers
        answers = []
        // Whoever is the last may be cancelled meanwhile, and the others are owed their answers.
        await Task { await send(.array(all)) }.value
    }
}
