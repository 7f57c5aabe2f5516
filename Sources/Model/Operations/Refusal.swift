/// Why a request was refused. The codes, their numbers and what a client does about each are defined in
/// `protos/membus/v1/errors.proto`; a test holds the two tables against each other.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    public var code: Code
    /// What happened, to which thing.
    public var message: String
    /// What to do next.
    public var hint: String
    /// The key, limit, branch or stream that it is about; may be empty.
    public var subject: String

    package init(_ code: Code, _ message: String, hint: String? = nil, subject: String = "") {
        self.code = code
        self.message = message
        self.hint = hint ?? code.hint
        self.subject = subject
    }

    public var description: String { hint.isEmpty ? message : "\(message); \(hint)" }

    /// Who can do something about it.
    public enum Remedy: Int, Hashable, Sendable {
        /// 100 to 199: the request is wrong; sending it again unchanged cannot help.
        case fixRequest = 1
        /// 200 to 299: the same request may succeed later.
        case retry = 2
        /// 300 to 399: the client's picture of the broker is out of date: renew it, then go on.
        case resync = 3
    }

    public enum Code: Int, Hashable, Sendable, CaseIterable {
        case malformed = 100
        case unknownRequest = 101
        case unsupportedVersion = 102
        case invalidName = 103
        case invalidArgument = 104
        case limitExceeded = 105
        case unknownBranch = 106
        case branchExists = 107
        case wrongKind = 108
        case invalidValue = 109
        case belowFloor = 110
        case beyondHead = 111
        case numberReused = 112
        case numberForgotten = 113
        case unknownBackup = 114
        case notWritable = 115
        case unknownTag = 116
        case tagExists = 117
        case planChanged = 120
        case openConflicts = 121

        case busy = 200
        case outOfOrder = 201
        case diskFull = 202
        case storeFailed = 203
        case deadlineExceeded = 204
        case shuttingDown = 205
        case notYetVisible = 206

        case instanceChanged = 300
        case historyDiffers = 301
        case unknownStream = 302
        case unknownSession = 303
        case pullBroken = 304

        public var remedy: Remedy {
            // Force unwrap: every code above lies in 100..<400.
            Remedy(rawValue: rawValue / 100)!
        }

        /// What to do next, where nothing more particular is known.
        public var hint: String {
            switch self {
            case .malformed: "send one frame that holds a Request of membus.v1"
            case .unknownRequest: "this broker does not know the request: upgrade it, or do without"
            case .unsupportedVersion: "use a client of the broker's major version"
            case .invalidName: "correct the name"
            case .invalidArgument: "correct the request"
            case .limitExceeded: "split it, or raise the limit in the broker's configuration"
            case .unknownBranch: "fork it first, or list the branches"
            case .branchExists: "choose another name"
            case .wrongKind: "use the change that fits the record's kind, or put a new record"
            case .invalidValue: "correct the value"
            case .belowFloor: "read at or above the floor, or keep more history"
            case .beyondHead: "read at or below the head"
            case .numberReused: "a number names one transaction: use the next number for another"
            case .numberForgotten: "the outcome is no longer kept: read the state to learn it, and use a new session"
            case .unknownBackup: "start the backup again"
            case .planChanged: "look at a new plan, then ask for that one"
            case .openConflicts: "settle the branch's parked conflicts first"
            case .notWritable: "write to another branch, or have this one opened"
            case .unknownTag: "list the tags"
            case .tagExists: "choose another name, or delete the tag first"
            case .busy: "try again after a moment"
            case .outOfOrder: "send the numbers before it first"
            case .diskFull: "free space on the broker's disk; nothing of the transaction was kept"
            case .storeFailed: "see the broker's log; nothing of the transaction was kept"
            case .deadlineExceeded: "try again with a longer deadline"
            case .shuttingDown: "try again when the broker is back"
            case .notYetVisible: "try again after a moment"
            case .instanceChanged: "the broker was restarted: send it again naming the new instance"
            case .historyDiffers: "the broker holds another history: drop what was read from the old one"
            case .unknownStream: "register the stream again"
            case .unknownSession: "open a new session; whether the transaction took effect is not known"
            case .pullBroken: "start the pull again from its first page"
            }
        }
    }
}
