import CMembus
import Membus
import MembusBus

let ok = Int32(MEMBUS_OK)

/// What an error is to C: a number, a name, and the words for it.
struct ToldError {
    var code: Int32
    var name: String
    var message: String
    var hint: String
    var subject = ""
    var remedy = Int32(MEMBUS_REMEDY_NONE)
    var isOutcomeUnknown = false
    var token: Token?
    var conflicts: [FailedPrecondition] = []
    var unsettled: [MergeConflict] = []
    /// So many more.
    var unlisted = 0

    init(_ error: any Error) {
        switch error {
        case let error as MembusError: self.init(error)
        case let refusal as Refusal: self.init(refusal)
        case let error as DoorError: self.init(error)
        case let unknown as UnknownOutcome:
            self.init(unknown.error)
            isOutcomeUnknown = true
        case let name as InvalidName: self.init(.invalidName(name))
        case is CancellationError:
            self.init(MEMBUS_CANCELLED, "cancelled", "the call was cancelled", "make it again if it is still wanted")
        case let error as BusError:
            let place = error.endpoint.map { " \($0)" } ?? ""
            self.init(MEMBUS_SYSTEM, "system", "cannot \(error.action)\(place): \(error.reason)", error.hint)
            subject = error.endpoint ?? ""
        default: self.init(MEMBUS_SYSTEM, "system", "\(error)", "")
        }
    }

    private init(_ code: Int, _ name: String, _ message: String, _ hint: String) {
        self.code = Int32(code)
        self.name = name
        self.message = message
        self.hint = hint
    }

    private init(_ refusal: Refusal) {
        // The protocol's numbers are C's.
        self.init(refusal.code.rawValue, "\(refusal.code)", refusal.message, refusal.hint)
        subject = refusal.subject
        remedy = Int32(refusal.code.remedy.rawValue)
    }

    private init(_ error: DoorError) {
        let (code, name) =
            switch error {
            case .badHandle: (MEMBUS_BAD_HANDLE, "badHandle")
            case .forked: (MEMBUS_FORKED, "forked")
            case .badArgument: (MEMBUS_BAD_ARGUMENT, "badArgument")
            case .occupied: (MEMBUS_OCCUPIED, "occupied")
            case .tooMany: (MEMBUS_SYSTEM, "system")
            }
        self.init(code, name, error.message, error.hint)
    }

    private init(_ error: MembusError) {
        func told(_ code: Int, _ name: String, _ subject: String = "") -> ToldError {
            var told = ToldError(code, name, error.whatHappened, error.hint)
            told.subject = subject
            return told
        }
        switch error {
        case .refused(let refusal): self.init(refusal)
        case .conflict(let failed, let position):
            self = told(MEMBUS_CONFLICT, "conflict", failed.first?.key.text ?? "")
            conflicts = failed
            token = Token(lineage: Lineage(0), position: position)
        case .unsettled(let conflicts, let unlisted, let position):
            self = told(MEMBUS_UNSETTLED, "unsettled", conflicts.first?.key.text ?? "")
            unsettled = conflicts
            self.unlisted = unlisted
            token = Token(lineage: Lineage(0), position: position)
        case .timeout(_, let isUnknown, _):
            self = told(MEMBUS_TIMEOUT, "timeout")
            isOutcomeUnknown = isUnknown
        case .stale(let filter, _, _, _): self = told(MEMBUS_STALE, "stale", filter.description)
        case .closed: self = told(MEMBUS_CLOSED, "closed")
        case .notHere(let key, _): self = told(MEMBUS_NOT_HERE, "notHere", key.text)
        case .notFollowed(let key, _): self = told(MEMBUS_NOT_FOLLOWED, "notFollowed", key.text)
        case .committedButNotSeen(let receipt):
            self = told(MEMBUS_COMMITTED_BUT_NOT_SEEN, "committedButNotSeen")
            token = receipt.token
        case .historyChanged: self = told(MEMBUS_HISTORY_CHANGED, "historyChanged")
        case .overCapacity(let filter, _, _): self = told(MEMBUS_OVER_CAPACITY, "overCapacity", filter.description)
        case .invalidName(let name): self = told(MEMBUS_INVALID_NAME, "invalidName", name.name)
        case .warmFile(let path, _, _): self = told(MEMBUS_WARM_FILE, "warmFile", path)
        case .file(let path, _): self = told(MEMBUS_FILE, "file", path)
        }
    }
}

/// Why nobody waits for a transaction any more that may have taken effect, or may yet.
struct UnknownOutcome: Error {
    let error: any Error
    init(_ error: any Error) { self.error = error }

    /// What leaves that open.
    static func ifOpen(_ error: any Error) -> any Error {
        if error is CancellationError { return UnknownOutcome(error) }
        if case MembusError.closed = error { return UnknownOutcome(error) }
        return error
    }
}
