import HTTPTypes
import HummingbirdCore
import MembusDocuments
import MembusMCP
import NIOCore
import Synchronization

/// What one request came with is answered: by JSON if the answer is the first that there is to say, else by a stream of events,
/// which says what comes before it.
struct Exchange: Sendable {
    /// Within this an answer is most often there. Whether the client has gone is looked at only after it.
    private static let brief: Duration = .milliseconds(250)
    /// A stream is begun without anything to say, so that what stands in between does not take the connection for dead.
    static let silence: Duration = .seconds(15)

    let conversation: Conversation
    let handover: Handover
    let streams: OpenStreams
    /// Then a client that goes cancels what it asked for. A session's work goes on, but not for long: nobody can hear what comes of
    /// it any more, and a session has so many places.
    let isStateless: Bool
    private static let lastPatience: Duration = .seconds(10)
    private let work = Work()

    init(_ conversation: Conversation, _ handover: Handover, _ streams: OpenStreams, isStateless: Bool) {
        self.conversation = conversation
        self.handover = handover
        self.streams = streams
        self.isStateless = isStateless
    }

    func run(_ incoming: Incoming, weight: Int, _ caller: consuming Caller) async throws {
        let channel = caller.channel
        Task {
            let tasks = await conversation.take(incoming, weight: weight) { await handover.give($0) }
            work.begin(tasks)
            for task in tasks { await task.value }
            await handover.close()
        }
        var first = await handover.take(within: Self.brief)
        var isWatched = false
        if case .nothingYet = first {
            isWatched = true
            HangUp.set(channel, hear)
            first = await handover.take(within: Self.silence)
        }
        if case .message(let message) = first, message.isAnswer {
            let status = isStateless ? Answer.status(of: message) : 200
            if isWatched { HangUp.set(channel, nil) }
            try await Writing.write(Answer(status, message), caller)
            return
        }
        HangUp.set(channel, hear)
        let number = await streams.add { await leave() }
        do {
            var stream = try await EventStream(caller)
            try await stream.pass(on: handover, beginningWith: first)
            try await stream.end()
        } catch {
            await giveUp()
            await streams.remove(number)
            throw error
        }
        await streams.remove(number)
        HangUp.set(channel, nil)
    }

    @Sendable private func hear(_ sign: HangUp.Sign) {
        Task {
            switch sign {
            case .silent: await handover.doubt()
            case .gone: await giveUp()
            }
        }
    }

    /// Nobody reads what there would be to say.
    private func giveUp() async {
        await handover.close()
        if isStateless { await conversation.end() } else { work.cancel(after: Self.lastPatience) }
    }

    /// The server ends.
    private func leave() async {
        if isStateless {
            await conversation.end(sayingGoodbye: true)
        } else {
            await handover.close()
        }
    }
}

/// What is under way for one request.
private final class Work: Sendable {
    private let tasks = Mutex<[Task<Void, Never>]>([])

    func begin(_ tasks: [Task<Void, Never>]) { self.tasks.withLock { $0 = tasks } }

    func cancel(after patience: Duration) {
        Task {
            try? await Task.sleep(for: patience)
            for task in tasks.withLock({ $0 }) { task.cancel() }
        }
    }
}

extension EventStream {
    /// Until there is no more, or somebody else reads.
    mutating func pass(
        on handover: Handover, as reader: Int = 0, beginningWith first: Handover.Taken? = nil
    ) async throws {
        if let first, try await !pass(on: first) { return }
        while try await pass(on: handover.take(as: reader, within: Exchange.silence)) {}
    }

    /// - Returns: whether there may be more.
    private mutating func pass(on taken: Handover.Taken) async throws -> Bool {
        switch taken {
        case .message(let message): try await send(message)
        case .nothingYet: try await ping()
        case .closed: return false
        }
        return true
    }
}

/// What is to be told when the server ends.
actor OpenStreams {
    private var open: [Int: @Sendable () async -> Void] = [:]
    private var last = 0

    func add(_ close: @escaping @Sendable () async -> Void) -> Int {
        last += 1
        open[last] = close
        return last
    }
    func remove(_ number: Int) { open[number] = nil }

    func close() async {
        let all = open.values
        open = [:]
        await withTaskGroup(of: Void.self) { group in
            for close in all { group.addTask { await close() } }
        }
    }
}
