// Linearizability: whether operations that overlapped in time could have happened one after another, each at
// some moment between its call and its return, so that every answer is the one that a sequential object gives.
//
//   history ──▶ parts that share no place ──▶ for each: a search for an order ──▶ verdict
//   (Performed)     (Parts)                       (LinearizabilitySearch)
//
// The search is Wing and Gong's ("Testing and verifying concurrent objects", 1993) with Lowe's memory of
// configurations that failed ("Testing for linearizability", 2016), over the linked list of calls and returns
// and with the partitioning of Porcupine (github.com/anishathalye/porcupine, MIT), of which this is an
// implementation of our own. It differs in one thing: an operation whose outcome is unknown has no return, need
// not have happened, and is tried last, since it mostly did not.
//
// Held against the published logs that Porcupine is tested with (`membus-check linearizable FILE...`, 2026-11-22):
// 102 of Jepsen's test of etcd and 6 of a key-value store, 13,080 operations. All 108 verdicts are those of its own
// tests, in 15 s in a debug build on a busy machine; the slowest (1,712 operations of 50 clients) took 3 s.

/// An object as one client at a time would see it.
package protocol SequentialModel {
    associatedtype State: Hashable
    associatedtype Operation
    associatedtype Response
    /// What an operation can depend on or change: operations that share none are judged apart.
    associatedtype Place: Hashable

    var initial: State { get }

    /// The state after the operation, or `nil` if it can't be answered so in this state.
    /// - Parameter response: `nil` if it is not known; the operation takes effect here.
    func step(_ state: State, _ operation: Operation, _ response: Response?) -> State?

    func places(of operation: Operation) -> [Place]

    /// A model of these places alone.
    func restricted(to places: [Place]) -> Self
}

extension SequentialModel {
    package func restricted(to places: [Place]) -> Self { self }
}

/// An operation as its caller saw it. Moments are of any clock or count; of equal ones, calls come before
/// returns, so that operations which touch overlap.
package struct Performed<Operation, Response> {
    package var operation: Operation
    package var called: Int
    /// `nil`: it never came back, so it may take effect at any moment after its call, or never.
    package var outcome: (response: Response, returned: Int)?

    package init(_ operation: Operation, called: Int, outcome: (response: Response, returned: Int)?) {
        self.operation = operation
        self.called = called
        self.outcome = outcome
    }
}

/// Numbers are places in the history that was judged.
package enum LinearizabilityVerdict: Equatable, Sendable {
    case linearizable
    /// No order exists. The longest one that the search found, and the operation that has no place after it.
    case violated(longest: [Int], stuck: Int)
    /// The bound on work was reached: nothing is known.
    case unknown(steps: Int)
}

/// Judges a history, part by part. The parts take turns with more and more steps: one that is hard does not keep
/// the verdict waiting for another's, which may settle it.
/// - Parameters:
///   - witness: an order that may be the one. It is proved, not believed: if it does not fit, the search decides.
///   - limit: how many steps of the model the search may take in all.
package func linearizability<Model: SequentialModel>(
    of history: [Performed<Model.Operation, Model.Response>], by model: Model, witness: [Int]? = nil,
    limit: Int = 2_000_000
) -> LinearizabilityVerdict {
    if let witness, fits(witness, history, model) { return .linearizable }
    var undecided = Parts.joined(history.map { model.places(of: $0.operation) }).map { part in
        (part, LinearizabilitySearch(part.members.map { history[$0] }, model.restricted(to: part.places)))
    }
    var left = limit
    var turn = 1000
    while !undecided.isEmpty {
        if left <= 0 { return .unknown(steps: limit) }
        for index in undecided.indices.reversed() {
            let before = undecided[index].1.steps
            let verdict = undecided[index].1.run(limit: min(turn, before + max(left, 0)))
            left -= undecided[index].1.steps - before
            switch verdict {
            case nil: continue
            case .violated(let longest, let stuck)?:
                let members = undecided[index].0.members
                return .violated(longest: longest.map { members[$0] }, stuck: members[stuck])
            default: undecided.remove(at: index)
            }
        }
        turn *= 4
    }
    return .linearizable
}

/// Whether this order has every answered operation once, puts none before one that had returned when it was
/// called, and gives the answers that were given.
func fits<Model: SequentialModel>(
    _ order: [Int], _ history: [Performed<Model.Operation, Model.Response>], _ model: Model
) -> Bool {
    guard Set(order).count == order.count else { return false }
    guard order.count(where: { history[$0].outcome != nil }) == history.count(where: { $0.outcome != nil }) else {
        return false
    }
    var state = model.initial
    var latestCall = Int.min
    for number in order {
        let performed = history[number]
        latestCall = max(latestCall, performed.called)
        if let outcome = performed.outcome, outcome.returned < latestCall { return false }
        guard let next = model.step(state, performed.operation, performed.outcome?.response) else { return false }
        state = next
    }
    return true
}
