import MembusChecker
import MembusModel

/// What mutants remember of the whole world.
struct MutantState {
    struct Number: Hashable {
        var session: SessionID
        var number: UInt64
    }
    struct Life: Hashable {
        var agent: Int
        var life: Int
    }
    /// An agent's registrations with one broker.
    struct Registering: Hashable {
        var life: Life
        var instance: Instance
        var stream: StreamDefinition
    }
    /// What an agent has heard of one connection of its events' socket.
    struct Heard {
        var epoch: Int
        var streams: Set<StreamID> = []
        /// R of the last heartbeat.
        var beat: Revision?
    }
    /// What was decided, for retries.
    var decided: [Number: Outcome] = [:]
    var lastOutcome: [SessionID: Outcome] = [:]
    var visible: [(time: Instant, position: Position)] = []
    var registers: [PeerRequest: Register] = [:]
    var registered: [Registering: Registered] = [:]
    var pulls: [PeerRequest: Pull] = [:]
    /// The states that further pages of ranges were to be of.
    var ranges: [PeerRequest: Revision] = [:]
    /// The same of diffs.
    var diffs: [PeerRequest: GetDiff] = [:]
    /// The first state that a view installed, and the cut that it had before the present one.
    var installed: [ViewName: (records: [Record], at: Position)] = [:]
    var before: [ViewName: Position] = [:]
    var heard: [Life: Heard] = [:]
    /// What a view showed when it was read before.
    var snapshots: [ViewName: (time: Instant, token: Token, records: [Record])] = [:]
}

/// What they remember of one broker's process.
struct MutantBroker {
    struct Dropped {
        var revision: Revision
        var previous: Revision
    }
    struct Asked: Hashable {
        var stream: StreamID
        var from: Token?
    }
    struct Joining: Hashable {
        var life: MutantState.Life
        var stream: StreamID
    }
    var generation: UInt64?
    var streams: Set<StreamID> = []
    /// Those that have had no event yet.
    var fresh: Set<StreamID> = []
    /// The streams that were there when a commit became durable.
    var matched: [Revision: Set<StreamID>] = [:]
    var dropped: [StreamID: Dropped] = [:]
    var aliases: [UInt32: StreamID] = [:]
    var expiries: Set<Revision> = []
    var pages: [Asked: PullPage] = [:]
    var joined: Set<Joining> = []
}
