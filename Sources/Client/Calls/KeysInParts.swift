// Records by their keys, as of one revision of one history, in as many requests as their size asks for.
//
//   ask for the keys ─▶ a part of them ─▶ ask for the rest, as of the same state ─▶ … ─▶ all: hand
//                                           └─ compaction overtook it ─▶ ask for all again, if no state was named
//
// Invariants: the records are in the order of the keys; all are of the state that the first part was of. A broker that takes
// fewer keys in a request says so, and is asked for half as many. Whoever bounds the bytes gets those of the first keys.

struct KeysInParts: StepwiseCall {
    struct Fetched: Sendable {
        var token: Token
        /// In the order of the keys; a deletion for a key without a record. Fewer than keys only where the bytes were bounded.
        var records: [Record]
    }
    typealias Product = Fetched
    typealias Given = Never

    /// Of one request, unless the broker takes fewer.
    static let mostKeys = 10_000

    private var most = Self.mostKeys
    let keys: [Key]
    let branch: BranchName
    /// Once values of so many bytes are there, no more are asked for.
    private let mostBytes: Int
    private var bytes = 0
    private let isOfNamedState: Bool
    private var beginnings = 0
    /// A read that is overtaken so often would never come to its end.
    static let mostBeginnings = 8
    /// `nil`: the newest, until the first part tells.
    private var at: Position?
    private var lineage: Lineage?
    private var records: [Record] = []

    init(_ keys: [Key], branch: BranchName, at position: Position?, mostBytes: Int = .max) {
        self.keys = keys
        self.mostBytes = mostBytes
        self.branch = branch
        at = position
        isOfNamedState = position != nil
    }

    private var rest: ArraySlice<Key> { keys[records.count...].prefix(most) }

    func begin() -> Action { .ask(Get(branch: branch, keys: Array(rest), at: at)) }

    mutating func take(_ input: Input) throws -> Action {
        switch input {
        case .answered(let answer): return try take(answer.answered(to: Get.self))
        case .failed(MembusError.refused(let refusal), false)
        where refusal.code == .limitExceeded && refusal.subject == "keysPerRequest" && most > 1:
            most = max(1, min(most, rest.count) / 2)
            return begin()
        case .failed(let error, let isLast): return try beginAnew(after: error, isLast)
        case .passed: preconditionFailure("nothing but an answer is waited for")
        }
    }

    private mutating func beginAnew(after error: any Error, _ isLast: Bool) throws -> Action {
        guard !isOfNamedState, !records.isEmpty, !isLast, beginnings < Self.mostBeginnings,
            case MembusError.refused(let refusal) = error, refusal.code == .belowFloor
        else { throw error }
        (records, bytes, at) = ([], 0, nil)
        beginnings += 1
        return begin()
    }

    private mutating func take(_ answered: Answered<Get.Answer>) throws -> Action {
        let (part, asked) = (answered.answer, rest.count)
        guard part.records.count <= asked, !part.records.isEmpty || asked == 0 else { throw Connection.unexpected }
        if let lineage, lineage != answered.lineage { throw MembusError.historyChanged(now: answered.lineage) }
        (at, lineage) = (part.at, answered.lineage)
        records += part.records
        bytes += part.records.reduce(0) { $0 + $1.size }
        guard records.count == keys.count || bytes >= mostBytes else { return begin() }
        return .hand(Fetched(token: Token(lineage: answered.lineage, position: part.at), records: records))
    }
}

extension Connection {
    /// Records as of one revision.
    func records(
        _ keys: [Key], branch: BranchName, at position: Position?, mostBytes: Int = .max, _ patience: Patience
    ) async throws -> KeysInParts.Fetched {
        var reading = KeysInParts(keys, branch: branch, at: position, mostBytes: mostBytes)
        return try await begin(&reading, patience)
    }
}
