import MembusSystem

/// What can go wrong between an agent and the memory. Every case tells what happened and what to do next.
/// Besides these, calls throw `CancellationError` and whatever an agent's own closure throws.
public enum MembusError: Error, Sendable, CustomStringConvertible {
    /// The broker refused the request.
    case refused(Refusal)
    /// These preconditions failed; nothing was written.
    case conflict([FailedPrecondition], at: Position)
    /// A merge or revert: somebody has to decide about these keys, and so many more that are not listed; nothing was written.
    case unsettled([MergeConflict], unlisted: Int, at: Position)
    /// No answer in time, or nothing but refusals that might have passed: the `last` of them. `outcomeUnknown`: a
    /// transaction may or may not have taken effect (or may yet).
    case timeout(of: String, outcomeUnknown: Bool, last: Refusal?)
    /// The view cannot vouch for its state, and its policy is not to serve it. With an endpoint: the broker answers, but no
    /// event comes from there.
    case stale(TopicFilter, for: Duration, WhenStale, noEventsFrom: String? = nil)
    /// The connection was closed, by ``Memory/close()``.
    case closed
    /// The record exists but its value is not in the local cache.
    case notHere(Key, Absence)
    /// No topic of the view covers the key, so that the view cannot know it.
    case notFollowed(Key, TopicFilter)
    /// The transaction is committed, but an own view of the branch did not reach it in time.
    case committedButNotSeen(Receipt)
    /// The broker holds another history than the one that was being read: it was restored from a backup.
    case historyChanged(now: Lineage)
    /// The topics' keys alone need more memory than the view may use.
    case overCapacity(TopicFilter, needed: Int, capacity: Int)
    case invalidName(InvalidName)
    /// A warm file cannot be used.
    case warmFile(path: String, problem: String, hint: String)
    /// A local file could not be read or written.
    case file(path: String, problem: String)

    /// Why a record's value is not in the cache.
    public enum Absence: Hashable, Sendable {
        /// It was too large to travel, or the view's mode lets no values travel.
        case announced(size: Int)
        /// The cache is bounded and holds other keys.
        case evicted
    }

    public var description: String { "\(whatHappened); \(hint)" }

    public var whatHappened: String {
        switch self {
        case .refused(let refusal): refusal.message
        case .conflict(let failed, let at):
            "the transaction was not committed at revision \(at.revision): \(failed.map(Self.line).joined(separator: ", "))"
        case .unsettled(let conflicts, let unlisted, let at):
            "nothing was written at revision \(at.revision): \(Self.keys(conflicts, unlisted))"
        case .timeout(let what, true, let last):
            "no answer to \(what) in time (whether it took effect is not known)"
                + (last.map { "; before, it was refused: \($0.message)" } ?? "")
        // What happened is the refusal; the time only ended the tries.
        case .timeout(let what, false, let last?): "\(last.message) (\(what) was tried again until its time was over)"
        case .timeout(let what, false, nil): "no answer to \(what) in time"
        case .stale(let filter, let age, _, let endpoint):
            "the view of \(filter) has been stale for \(age)"
                + (endpoint.map { ": no events arrive from \(Self.named($0)), though the broker answers" } ?? "")
        case .closed: "the connection to the memory is closed"
        case .notHere(let key, .announced(let size)): "the value of \(key) (\(size) bytes) did not travel to the view"
        case .notHere(let key, .evicted): "\(key) is not in the view's bounded cache"
        case .notFollowed(let key, let filter): "the view follows \(filter), which does not cover \(key)"
        case .committedButNotSeen(let receipt):
            "the transaction is committed as revision \(receipt.revision), but a view of this agent has not reached it"
        case .historyChanged(let lineage): "the broker holds another history now (lineage \(lineage))"
        case .overCapacity(let filter, let needed, let capacity):
            "the keys of \(filter) alone need \(needed) bytes, the view may use \(capacity)"
        case .invalidName(let name): name.description
        case .warmFile(let path, let problem, _): "warm file \(path): \(problem)"
        case .file(let path, let problem): "\(path): \(problem)"
        }
    }

    public var hint: String {
        switch self {
        case .refused(let refusal): refusal.hint
        case .conflict: "read again and retry, or give `retries` to have the closure rerun"
        case .unsettled: "decide each of them: ours, theirs, what both had in common, or something else"
        case .timeout(_, true, _):
            "read the state to learn whether it took effect, before trying again; it still may, until this client has closed"
        case .timeout(_, false, let last):
            last?.hint ?? "check that the broker runs and can be reached, or allow more time"
        case .stale(_, _, _, _?):
            "let this machine reach that endpoint: publish its port, or have the broker name another in `advertisedEvents`"
        case .stale(_, _, .fail, nil): "try again once the view is live, or follow with `whenStale: .serve`"
        case .stale: "use `view.get(…)`, which waits until the view is live again"
        case .closed: "connect again"
        case .notHere: "use `view.get(…)`, which fetches it"
        case .notFollowed: "follow a topic that covers the key, or use `memory.get(…)`"
        case .committedButNotSeen: "do not repeat it; wait with `.atLeast(token)` before reading the view"
        case .historyChanged: "drop what was read from the old one, and start again"
        case .overCapacity: "raise `capacity`, or follow fewer topics"
        case .invalidName: "correct the name"
        case .warmFile(_, _, let hint): hint
        case .file: "check the path, its permissions and the free space"
        }
    }

    private static func named(_ events: String) -> String {
        events.isEmpty ? "the broker, which names no endpoint for them" : events
    }

    private static func keys(_ conflicts: [MergeConflict], _ unlisted: Int) -> String {
        let count = conflicts.count + unlisted
        let shown = conflicts.prefix(3).map { "\($0.key)" }.joined(separator: ", ")
        return (count == 1 ? "1 key needs a decision: " : "\(count) keys need a decision: ") + shown
            + (count > 3 ? " and \(count - 3) more" : "")
    }

    private static func line(_ failed: FailedPrecondition) -> String {
        switch failed.precondition {
        case .at(let key, let revision): "\(key) is at revision \(failed.revision), not \(revision)"
        case .absent(let key): "\(key) exists (revision \(failed.revision))"
        case .unchanged(let topic, let since):
            "\(failed.key) of \(topic) changed after \(since) (revision \(failed.revision))"
        case .sound: "\(failed.key), which was read, was undone or quarantined by revision \(failed.revision)"
        }
    }
}

extension MembusError {
    init(_ error: FileError) { self = .file(path: error.path, problem: error.problem) }

    /// Turns a file's error into the client's.
    static func naming<T>(_ make: () throws(FileError) -> T) throws(MembusError) -> T {
        do { return try make() } catch { throw MembusError(error) }
    }
}

/// Turns a refused name into the client's error.
func named<T>(_ make: () throws(InvalidName) -> T) throws(MembusError) -> T {
    do { return try make() } catch { throw .invalidName(error) }
}
func keyed(_ text: String) throws(MembusError) -> Key { try named { () throws(InvalidName) in try Key(text) } }

func filtered(_ topics: [String]) throws(MembusError) -> TopicFilter {
    guard !topics.isEmpty else {
        throw .refused(Refusal(.invalidArgument, "no topic was named", hint: "name one, or \"/\" for everything"))
    }
    var checked: [Topic] = []
    for text in topics { checked.append(try named { () throws(InvalidName) in try Topic(text) }) }
    return TopicFilter(checked)
}
