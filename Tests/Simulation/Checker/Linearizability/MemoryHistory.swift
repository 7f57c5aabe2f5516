import Foundation
import MembusModel

// What a recorded history says of one lineage, as operations on places: transactions with what was told of them,
// forks, and reads that promise to be linearizable (of the broker itself, and of views so dialled).
//
// An operation returns with the first word of its outcome: the broker's reply, arrived or not, or the end of the
// agent's call. A transaction without one stays open: in its own lineage, and in a restored one, where its client
// may send it again. The state that a restored lineage starts with is what its store held.

struct MemoryHistory {
    typealias Operation = Performed<MemoryOperation, MemoryResponse>
    private(set) var operations: [Operation] = []
    /// For people, by operation.
    private(set) var labels: [String] = []
    private(set) var model = MemoryModel(values: Values(), names: [], start: [])

    /// Where the broker says that each happened: the revision, and whether it wrote it or saw it.
    private var ranks: [(revision: Revision, isSeen: Bool)?] = []

    private let values = Values()
    private var names: Set<Int64> = []
    private var places = PlaceTable()
    private var forks: [(operation: Int, fork: Fork)] = []
    private var ops: [(operation: Int, op: Int)] = []
    /// What the commits of merges, rollbacks and reverts wrote, by their operations.
    private var made: [Int: [Record]] = [:]

    init(of lineage: Lineage, in log: OperationLog, _ history: History) {
        let start = log.starts[lineage] ?? LineageStart(entry: 0, revision: 0)
        let truth = history.truths[lineage]
        let before = truth?.commits.prefix(Int(start.revision)) ?? []
        let contained = Set(before.compactMap { Check.op(of: $0) })
        names = Set(before.map(\.info.revision))
        for commit in truth?.commits ?? [] { if let op = Check.op(of: commit) { made[op] = commit.records } }
        for write in log.writes where !contained.contains(write.op) { add(write, lineage, log) }
        rankOpen(truth)
        for read in log.reads where read.read.token.lineage == lineage { add(read) }
        joinForks()
        let state = places.all.map { Self.cell(of: $0, in: truth, at: start.revision, values) }
        model = MemoryModel(values: values, names: names, start: state)
    }

    /// The order that the broker's revisions claim. Nothing rests on it but the time that the search takes: see
    /// ``linearizability(of:by:witness:limit:)``.
    var claimed: [Int] {
        let ranked = operations.indices.compactMap { number in
            ranks[number].map { (number, ($0.revision, $0.isSeen ? 1 : 0, operations[number].called)) }
        }
        return ranked.sorted { $0.1 < $1.1 }.map(\.0)
    }

    private mutating func rankOpen(_ truth: Truth?) {
        var revisions: [Int: Revision] = [:]
        for commit in truth?.commits ?? [] { if let op = Check.op(of: commit) { revisions[op] = commit.info.revision } }
        for (number, op) in ops where ranks[number] == nil { ranks[number] = revisions[op].map { ($0, false) } }
    }

    // MARK: Transactions and forks

    private mutating func add(_ write: LoggedWrite, _ lineage: Lineage, _ log: OperationLog) {
        var outcome: (response: MemoryResponse, returned: Int)?
        if let told = write.outcomes[lineage] {
            outcome = (response(told.outcome, on: write.work.branchName), told.entry)
            if let position = told.outcome.commit { names.insert(position.revision) }
        } else if !log.mayHappen(write, in: lineage) {
            return
        }
        ops.append((operations.count, write.op))
        ranks.append(write.outcomes[lineage].map { $0.outcome.rank })
        switch write.work {
        case .transaction(let transaction):
            append(operation(transaction, write.op), write.called, outcome, "op \(write.op)")
        case .fork(let fork):
            forks.append((operations.count, fork))
            append(.fork([]), write.called, outcome, "op \(write.op) (fork \(fork.name))")
        case .merge, .rollback, .revert, .pick, .quarantine, .branch, .tag:
            append(made(by: write), write.called, outcome, "op \(write.op) (\(write.work.verb))")
        }
    }

    private mutating func operation(_ transaction: Transaction, _ op: Int) -> MemoryOperation {
        let branch = transaction.branch
        let requirements = transaction.preconditions.compactMap { places.requirement($0, on: branch) }
        let changes = transaction.changes.map { change in
            MemoryChange(place: places.number(change.key, branch), action: action(change.action))
        }
        return .transaction(op: op, requirements, changes)
    }

    /// What it came to is judged elsewhere: here it changes what its commit did, if there is one, at one moment.
    private mutating func made(by write: LoggedWrite) -> MemoryOperation {
        let branch = write.work.branchName
        let changes = (made[write.op] ?? []).map { record in
            let action: MemoryChange.Action =
                record.isDeleted
                ? .delete : .put(value: values.number(of: record.value ?? Data()), expires: record.expires != nil)
            return MemoryChange(place: places.number(record.key, branch), action: action)
        }
        return .transaction(op: write.op, [], changes)
    }

    private func action(_ action: Change.Action) -> MemoryChange.Action {
        switch action {
        case .put(let put): .put(value: values.number(of: put.value), expires: put.expiry != .never)
        case .delete: .delete
        case .increment(let amount): .increment(amount)
        case .append(let text): .append(text)
        case .mergePatch: .patch
        }
    }

    private mutating func response(_ outcome: Outcome, on branch: BranchName) -> MemoryResponse {
        switch outcome {
        case .committed(let position), .forked(let position, _), .merged(let position, _):
            .committed(name: position.revision)
        case .held, .unsettled: .held
        case .conflict(let failed, _):
            .conflict(Set(failed.compactMap { places.requirement($0.precondition, on: branch) }))
        }
    }

    // MARK: Reads

    private mutating func add(_ logged: LoggedRead) {
        let read = logged.read
        let found = Dictionary(read.found.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let seen = read.keys.map { key in
            found[key].map { SeenVersion(name: $0.revision, value: $0.value.map(values.number)) }
        }
        ranks.append((read.token.revision, true))
        append(
            .read(read.keys.map { places.number($0, read.branch) }), logged.called, (.found(seen), logged.returned),
            "read \(read.id) by agent \(read.agent) of \(read.keys) on \(read.branch)")
    }

    private mutating func append(
        _ operation: MemoryOperation, _ called: Int, _ outcome: (response: MemoryResponse, returned: Int)?,
        _ label: String
    ) {
        operations.append(Performed(operation, called: called, outcome: outcome))
        labels.append(label)
    }

    // MARK: Branches

    /// A fork concerns the keys that were touched on its branch, or on branches forked from that.
    private mutating func joinForks() {
        var known = -1
        while known < places.all.count {
            known = places.all.count
            for (operation, fork) in forks { operations[operation].operation = .fork(pairs(of: fork)) }
        }
    }

    private mutating func pairs(of fork: Fork) -> [(from: Int?, to: Int)] {
        places.keys(on: fork.name).map { key in
            (from: fork.at == nil ? places.number(key, fork.parent) : nil, to: places.number(key, fork.name))
        }
    }

    private static func cell(of place: MemoryPlace, in truth: Truth?, at revision: Revision, _ values: Values) -> Cell {
        if place.branch == .main, revision == 0 { return .absent }
        guard let truth, place.branch == .main || truth.branches[place.branch].map({ $0.created <= revision }) == true
        else { return .nowhere }
        guard let record = truth.record(place.key, on: place.branch, at: revision) else { return .absent }
        return Cell(
            version: .named(record.revision), value: record.value.map(values.number), expires: record.expires != nil)
    }
}

extension Outcome {
    fileprivate var rank: (revision: Revision, isSeen: Bool) {
        switch self {
        case .committed(let position), .forked(let position, _), .merged(let position, _): (position.revision, false)
        case .held(let position), .conflict(_, let position), .unsettled(_, _, let position):
            (position.revision, true)
        }
    }
}

/// A key on a branch.
struct MemoryPlace: Hashable {
    var branch: BranchName
    var key: Key
}

struct PlaceTable {
    private(set) var all: [MemoryPlace] = []
    private var numbers: [MemoryPlace: Int] = [:]

    mutating func number(_ key: Key, _ branch: BranchName) -> Int {
        let place = MemoryPlace(branch: branch, key: key)
        if let known = numbers[place] { return known }
        numbers[place] = all.count
        all.append(place)
        return all.count - 1
    }

    func keys(on branch: BranchName) -> [Key] { all.filter { $0.branch == branch }.map(\.key) }

    mutating func requirement(_ precondition: Precondition, on branch: BranchName) -> MemoryRequirement? {
        switch precondition {
        case .at(let key, 0), .absent(let key): .absent(number(key, branch))
        case .at(let key, let revision): .at(number(key, branch), name: revision)
        case .unchanged, .sound: nil
        }
    }
}

extension Work {
    fileprivate var verb: String {
        switch self {
        case .transaction: "transaction"
        case .fork: "fork"
        case .merge: "merge"
        case .rollback: "rollback"
        case .revert: "revert"
        case .pick: "pick"
        case .quarantine: "quarantine"
        case .branch: "change of a branch"
        case .tag: "tag"
        }
    }
}
