import MembusModel

/// What a reader does for the core, from its own connection.
public enum ReadJob: Sendable {
    case get(Request.Get)
    case range(Request.Range)
    case history(Request.History)
    case log(Request.Log)
    case branches
    case pull(Request.Pull, branch: BranchName, filter: TopicFilter, mode: StreamMode)
    /// The hash of this revision, for a registration; and whether the branch exists.
    case hash(of: Revision, branch: BranchName)
    case sizes
    case backup(Request.Backup)
    case verify
    case digest(branch: BranchName, filter: TopicFilter, at: Revision?)

    /// Takes as long as the store is large: done on a thread of its own, so that no get waits behind it.
    var isLong: Bool {
        switch self {
        case .verify, .backup, .digest: true
        case .get, .range, .history, .log, .branches, .pull, .hash, .sizes: false
        }
    }

    /// Frees what somebody holds here: done however late, as nobody will ask again.
    var letsGo: Bool { if case .backup(let backup) = self { backup.done } else { false } }
}

public enum ReadAnswer: Sendable {
    case body(Reply.Body)
    /// `nil`: unknown, or below the floor.
    case hash(UInt64?)
    case sizes(StoreSizes)
}

public struct StoreSizes: Hashable, Sendable {
    public var floor: Revision
    public var sessions: Int
    public var walBytes: Int64
    public var storeBytes: Int64
    public init(floor: Revision, sessions: Int, walBytes: Int64, storeBytes: Int64) {
        self.floor = floor
        self.sessions = sessions
        self.walBytes = walBytes
        self.storeBytes = storeBytes
    }
}
