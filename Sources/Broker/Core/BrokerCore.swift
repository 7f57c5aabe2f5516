import MembusModel
import MembusStore

// The broker's decisions about order, as a pure state machine: requests, results of the store and the passing
// of time go in; replies, messages to publish and work for the store come out, to be carried out in order.
//
// Order, for a write:
//   1. admitted   checked for shape, counted against the queue's bounds, handed to the commit thread; what is planned
//                 is planned by a reader first, and what its session asks for next waits behind it (Planning)
//   2. durable    the commit thread reports the batch: it is on disk, and was not shown to anybody
//   3. published  each commit, in the order of revisions, is matched to the streams and handed to the events'
//                 socket; V rises to it
//   4. replied    only now, with V at or above the commit's revision
// A crash after 1 leaves nothing; after 2 or 3 a durable commit and its outcome, which a retry gets.
//
// Invariants:
//   - Whatever leaves (reply, bookmark, heartbeat, read) speaks of revisions at or below V, and V only rises.
//   - Registration, matching, bookmarks and heartbeats happen in this one order, in this one struct.
//   - The core holds at most `writesWaiting` + `readsWaiting` requests.
//   - What one peer asks for is under way once at a time, however often it is sent.
//
// `Peer` is the way back to whoever asked: a ROUTER's envelope in the product, a number in a simulated world.

package struct BrokerCore<Peer: Hashable & Sendable>: Sendable {
    let settings: CoreSettings
    let gate: Gate
    let lineage: Lineage
    let instance: Instance
    var streams: StreamTable
    var random: any RandomNumberGenerator & Sendable
    var waiting: [UInt64: Waiting] = [:]
    /// What peers wait for, transactions excepted.
    var underWay: [RequestName<Peer>: Ticket] = [:]
    var nextTicket: UInt64 = 1
    var writesWaiting = 0
    var writeBytesWaiting = 0
    var readsWaiting = 0
    /// Sessions that wait for a plan.
    var planning: [SessionID: Planning] = [:]
    var counters = Counters()
    var nextExpiry: Timestamp?
    var expiryUnderWay = false
    /// For when something expires; the commit thread has one of its own for whether it has, and this one follows it.
    var clock: SteadyClock
    var nextHeartbeat: Instant
    let started: Instant
    var isStopping = false
    var saidDrained = false

    /// A request on its way through the store.
    struct Waiting: Sendable {
        enum Purpose: Sendable {
            case write(bytes: Int)
            case session(SessionID, bytes: Int)
            case closing(bytes: Int)
            case lookUp
            case planning(SessionID)
            case register(Register, Scope)
            case expiry

            /// What it counts for in the queue.
            var bytes: Int {
                switch self {
                case .write(let bytes), .session(_, let bytes), .closing(let bytes): bytes
                case .lookUp, .planning, .register, .expiry: 0
                }
            }
        }
        var peer: Peer?
        var id: UInt64
        /// Under which the same was asked for again.
        var otherIDs: [UInt64] = []
        var streams: [StreamID]
        var purpose: Purpose
        /// `nil`: of a transaction, or the broker's own work.
        var body: Request.Body?
        var received: Instant
    }

    struct Counters: Sendable {
        var commits: Int64 = 0
        var conflicts: Int64 = 0
        var refused: Int64 = 0
        var busy: Int64 = 0
        var malformed: Int64 = 0
        var repliesDropped: Int64 = 0
        var pulls: Int64 = 0
        var batches: Int64 = 0
        var syncs = LatencyWindow()
        var latencies = LatencyWindow()
    }

    package init(
        settings: CoreSettings, gate: Gate = .open, lineage: Lineage, instance: Instance, visible: Position,
        nextExpiry: Timestamp?, lastCommit: Timestamp? = nil, random: any RandomNumberGenerator & Sendable, now: Instant
    ) {
        var random = random
        self.settings = settings
        self.gate = gate
        self.lineage = lineage
        self.instance = instance
        self.streams = StreamTable(
            instance: instance, generation: UInt64.random(in: 1 ... .max, using: &random), visible: visible,
            options: settings.streams)
        self.random = random
        self.nextExpiry = nextExpiry
        clock = SteadyClock(lastCommit: lastCommit)
        self.nextHeartbeat = now
        self.started = now
    }

    /// The last revision whose events have all been handed to the socket.
    package var visible: Position { streams.visible }
    package var isDrained: Bool { isStopping && writesWaiting == 0 && readsWaiting == 0 }

    package mutating func step(_ input: BrokerInput<Peer>, now: Instant) -> [BrokerOutput<Peer>] {
        var outputs: [BrokerOutput<Peer>] = []
        step(input, now: now, into: &outputs)
        return outputs
    }

    /// The same without an array for each step.
    package mutating func step(
        _ input: consuming BrokerInput<Peer>, now: Instant, into outputs: inout [BrokerOutput<Peer>]
    ) {
        switch input {
        case .request(let peer, let principal, let bytes, let request):
            receive(request, as: principal, bytes: bytes, from: peer, now: now, into: &outputs)
        case .undecodable(let peer, let id, let refusal):
            counters.malformed += 1
            reply(to: peer, id: id, .refused(refusal), into: &outputs)
        case .malformed:
            counters.malformed += 1
        case .written(let batch):
            complete(batch, now: now, into: &outputs)
        case .answered(let ticket, let answer):
            complete(ticket, answer, now: now, into: &outputs)
        case .tick(let wall):
            tick(wall: wall, now: now, into: &outputs)
        case .stop:
            isStopping = true
        }
        if isDrained, !saidDrained {
            saidDrained = true
            outputs.append(.drained)
        }
    }

    /// A reply found its peer gone, or reading none of its replies. The peer sends its request again.
    package mutating func countDroppedReply() { counters.repliesDropped += 1 }

    /// The events' socket had no room for the records of an event: subscribers do not take what waits for them.
    package mutating func countAnnouncedEvent() { streams.countAnnounced() }

    /// A fair estimate of what grows and shrinks with what clients ask for.
    package var footprint: Int { streams.footprint + writeBytesWaiting }

    // MARK: Time

    private mutating func tick(wall: Timestamp, now: Instant, into outputs: inout [BrokerOutput<Peer>]) {
        _ = clock.time(wall: wall, now: now)
        sweepExpired(now: now, into: &outputs)
        guard now >= nextHeartbeat else { return }
        // From now, not from when it was due: after a pause there is no use in a volley.
        nextHeartbeat = now + settings.heartbeat
        _ = streams.dropUnnamed(now: now, drawn: UInt64.random(in: 1 ... .max, using: &random))
        outputs.append(.publish(streams.heartbeat(now: now)))
    }

    /// One piece at a time; the next follows on its heels while there is more, so that this keeps up with whatever is
    /// written.
    mutating func sweepExpired(now: Instant, into outputs: inout [BrokerOutput<Peer>]) {
        guard let expiry = nextExpiry, expiry <= clock.time(at: now), !expiryUnderWay, !isStopping else { return }
        expiryUnderWay = true
        admit(.item(.expire), purpose: .expiry, for: nil, now: now, into: &outputs)
    }

    // MARK: Replies

    mutating func reply(to asked: Asked<Peer>, _ body: Reply.Body, into outputs: inout [BrokerOutput<Peer>]) {
        reply(to: asked.peer, id: asked.id, streams: asked.streams, body, into: &outputs)
    }

    /// The one place where replies are made: V and bookmarks are those of this moment in the serial order.
    mutating func reply(
        to peer: Peer, id: UInt64, streams named: [StreamID] = [], _ body: Reply.Body,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        if case .refused(let refusal) = body {
            if refusal.code == .busy { counters.busy += 1 } else { counters.refused += 1 }
        }
        let bookmarks = named.map { StreamBookmark(stream: $0, bookmark: streams.bookmark(for: $0, nonce: nil)) }
        outputs.append(
            .reply(
                to: peer,
                Reply(
                    id: id, lineage: lineage, instance: instance, visible: visible, bookmarks: bookmarks, body: body)))
    }

    /// Hands work to the commit thread.
    /// - Parameter asked: `nil`: the broker's own work.
    mutating func admit(
        _ job: WriteJob, purpose: Waiting.Purpose, for asked: Asked<Peer>?, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        let ticket = admit(asked, purpose: purpose, now: now)
        writeBytesWaiting += purpose.bytes
        writesWaiting += 1
        outputs.append(
            .write(
                QueuedWrite(
                    ticket: ticket, job: job, scope: asked?.scope ?? .everything,
                    deadline: asked?.deadline.map { now + $0 })))
    }

    /// Hands a look-up to the readers.
    mutating func admit(
        _ lookUp: any LookUp, purpose: Waiting.Purpose = .lookUp, for asked: Asked<Peer>, now: Instant,
        into outputs: inout [BrokerOutput<Peer>]
    ) {
        let ticket = admit(asked, purpose: purpose, now: now)
        readsWaiting += 1
        outputs.append(
            .read(
                QueuedRead(
                    ticket: ticket, lookUp: lookUp, scope: asked.scope, visible: visible,
                    deadline: asked.deadline.map { now + $0 })))
    }

    private mutating func admit(_ asked: Asked<Peer>?, purpose: Waiting.Purpose, now: Instant) -> UInt64 {
        let ticket = nextTicket
        nextTicket += 1
        waiting[ticket] = Waiting(
            peer: asked?.peer, id: asked?.id ?? 0, streams: asked?.streams ?? [], purpose: purpose,
            body: asked?.repeatable, received: now)
        if let asked, let body = asked.repeatable { underWay[RequestName(of: asked.peer, asked.id, body)] = ticket }
        return ticket
    }

    /// It is done: whoever asks for the same now has it done again.
    mutating func takeWaiting(_ ticket: Ticket) -> Waiting? {
        guard let request = waiting.removeValue(forKey: ticket) else { return nil }
        if let body = request.body, let peer = request.peer {
            let name = RequestName(of: peer, request.id, body)
            if underWay[name] == ticket { underWay[name] = nil }
        }
        return request
    }
}

/// What a repeated request is known by. Clients repeat under the same number; but a view's pulls, which each of its
/// attempts makes anew, under another one each time.
enum RequestName<Peer: Hashable & Sendable>: Hashable, Sendable {
    case number(Peer, UInt64)
    case pull(Peer, Pull)

    init(of peer: Peer, _ id: UInt64, _ body: Request.Body) {
        if case .pull(let pull) = body { self = .pull(peer, pull) } else { self = .number(peer, id) }
    }
}

/// A request that has passed the gate.
struct Asked<Peer: Hashable & Sendable>: Sendable {
    let peer: Peer
    let id: UInt64
    var deadline: Duration?
    /// The instance that the request is for.
    let instance: Instance?
    /// The streams whose bookmarks the reply shall carry.
    let streams: [StreamID]
    /// How much of what it touches it may see and change.
    let scope: Scope
    /// Of the frame that it came in.
    let bytes: Int
    /// What a repeat is known by; `nil`: it is not looked for.
    let repeatable: Request.Body?
}

/// What the core needs of the broker's configuration.
package struct CoreSettings: Sendable {
    package var events: [String] = []
    package var limits = Limits()
    package var heartbeat: Duration = .milliseconds(250)
    package var inlineValueBytes = 16 << 10
    package var eventBytes = 64 << 10
    package var writesWaiting = 16_384
    package var writeBytesWaiting = 128 << 20
    package var readsWaiting = 4096
    package var streams = StreamTable.Options()
    package var software = "membus"
    package init() {}

    package init(_ configuration: Configuration, events: [String], software: String) {
        self.events = events
        self.limits = configuration.limits
        self.heartbeat = configuration.heartbeat
        self.inlineValueBytes = configuration.inlineValueBytes
        self.eventBytes = configuration.eventBytes
        self.writesWaiting = configuration.writesWaiting
        self.writeBytesWaiting = configuration.writeBytesWaiting
        self.readsWaiting = configuration.readsWaiting
        self.software = software
    }
}

package enum BrokerInput<Peer: Hashable & Sendable>: Sendable {
    /// `as`: who asks, as far as is known. `bytes`: of the frame that it came in.
    case request(from: Peer, as: Principal, bytes: Int, Request)
    /// A frame that is no request of ours; `id` is 0 if it could not be read.
    case undecodable(from: Peer, id: UInt64, Refusal)
    /// A message of another shape; nobody to answer.
    case malformed
    case written(WriteReport)
    case answered(ticket: UInt64, Result<LookUpResult, Refusal>)
    case tick(wall: Timestamp)
    /// Refuse what is new, finish what is under way.
    case stop
}

package enum BrokerOutput<Peer: Hashable & Sendable>: Sendable {
    case reply(to: Peer, Reply)
    case publish(Published)
    case write(QueuedWrite)
    case read(QueuedRead)
    /// After ``BrokerInput/stop``: nothing is under way any more.
    case drained
}

/// Names a request on its way through the store.
package typealias Ticket = UInt64

extension Ticket {
    /// Work of the commit thread's own, which nobody waits for.
    static let own: Ticket = 0
}

/// A write on its way to the commit thread.
package struct QueuedWrite: Sendable {
    package var ticket: Ticket
    package var job: WriteJob
    package var scope = Scope.everything
    /// After this nobody waits for it, and it is not executed.
    package var deadline: Instant?

    /// Why it is not executed, if it is too late.
    func refusal(at now: Instant) -> Refusal? { Refusal.late(deadline, at: now) }
}

package enum WriteJob: Sendable {
    case item(WriteItem)
    /// Takes its time in small steps between batches.
    case compact(Compact)
}

/// What the commit thread reports of writes: they are on disk, or were refused.
package struct WriteReport: Sendable {
    package enum Result: Sendable {
        case item(WriteResult)
        case compacted(floor: Revision)
    }
    package var results: [(ticket: Ticket, result: Result)]
    /// The new commits in the order of their revisions.
    package var commits: [Commit]
    /// Branches that they deleted.
    package var deletedBranches: [BranchName]
    package var nextExpiry: Timestamp?
    /// How long COMMIT took; `nil` if nothing was written.
    package var sync: Duration?
    /// What time it is for those who decide.
    package var clock: SteadyClock?

    package init(
        results: [(ticket: Ticket, result: Result)], commits: [Commit] = [], deletedBranches: [BranchName] = [],
        nextExpiry: Timestamp?, sync: Duration? = nil, clock: SteadyClock? = nil
    ) {
        self.deletedBranches = deletedBranches
        self.clock = clock
        self.results = results
        self.commits = commits
        self.nextExpiry = nextExpiry
        self.sync = sync
    }
}

/// A look-up on its way to a reader, which shows nothing beyond `visible`.
package struct QueuedRead: Sendable {
    package var ticket: UInt64
    /// As far as it is done.
    package var lookUp: any LookUp
    /// As it was asked for.
    private let asked: any LookUp
    package var scope: Scope
    package var visible: Position
    package var deadline: Instant?

    package init(
        ticket: UInt64, lookUp: any LookUp, scope: Scope = .everything, visible: Position, deadline: Instant? = nil
    ) {
        self.ticket = ticket
        self.lookUp = lookUp
        asked = lookUp
        self.scope = scope
        self.visible = visible
        self.deadline = deadline
    }

    package var isLong: Bool { type(of: lookUp).isLong }
    package var thread: LookUpThread { type(of: lookUp).thread }
    var name: String { type(of: lookUp).name }

    /// Lets go of what was found so far.
    mutating func forget() { lookUp = asked }

    /// Why it is not answered, if it is too late.
    func refusal(at now: Instant) -> Refusal? { lookUp.isRelease ? nil : Refusal.late(deadline, at: now) }
}

extension Refusal {
    fileprivate static func late(_ deadline: Instant?, at now: Instant) -> Refusal? {
        guard let deadline, deadline < now else { return nil }
        return Refusal(.deadlineExceeded, "the request waited longer than its deadline")
    }
}
