import MembusChecker
import MembusModel

/// What planted bugs remember of the whole world.
struct PlantState {
    struct Number: Hashable {
        var session: SessionID
        var number: UInt64
    }
    /// What was decided, for retries.
    var decided: [Number: Outcome] = [:]
    var lastOutcome: [SessionID: Outcome] = [:]
    var visible: [(time: Instant, position: Position)] = []
    var pulls: [PeerRequest: Token] = [:]
    var installed: [ViewName: (records: [Record], at: Position)] = [:]
    var finishedEarly: Set<Int> = []
}

/// What they remember of one broker's process.
struct PlantedBroker {
    struct Dropped {
        var revision: Revision
        var previous: Revision
    }
    var generation: UInt64?
    var streams: Set<StreamID> = []
    /// The streams that were there when a commit became durable.
    var matched: [Revision: Set<StreamID>] = [:]
    var dropped: [StreamID: Dropped] = [:]
    var aliases: [UInt32: StreamID] = [:]
    var expiries: Set<Revision> = []
}
