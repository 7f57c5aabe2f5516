// The search, depth first:
//
//   next candidate: a call before the first return; answered ones first, then open ones
//     ├─ the model can answer so, and (what is ordered, state) is new ─▶ order it, begin again at the front
//     ├─ otherwise ─▶ the next candidate
//     └─ none left ─▶ take back the last ordered one and go on behind it; nothing to take back: no order exists
//   all answered operations are ordered ─▶ linearizable
//
// Invariant: `stack` holds the ordered calls with the state before each; they are out of the timeline, and their
// bits are set.
struct LinearizabilitySearch<Model: SequentialModel> {
    private struct Configuration: Hashable {
        var ordered: [UInt64]
        var state: Model.State
    }

    private let history: [Performed<Model.Operation, Model.Response>]
    private let model: Model
    private(set) var steps = 0
    private var candidate: Int?
    private var timeline: Timeline
    private var stack: [(call: Int, before: Model.State)] = []
    private var now: Configuration
    private var seen: Set<Configuration> = []
    private var answeredLeft: Int
    private var longest: (order: [Int], stuck: Int) = ([], 0)

    init(_ history: [Performed<Model.Operation, Model.Response>], _ model: Model) {
        self.history = history
        self.model = model
        timeline = Timeline(history.map { ($0.called, $0.outcome?.returned) })
        now = Configuration(ordered: Array(repeating: 0, count: (history.count + 63) / 64), state: model.initial)
        answeredLeft = history.count { $0.outcome != nil }
        candidate = front
    }

    /// Goes on where it stopped.
    /// - Parameter limit: how many steps of the model it may have taken in all.
    /// - Returns: `nil` if the limit was reached.
    mutating func run(limit: Int) -> LinearizabilityVerdict? {
        while answeredLeft > 0 {
            if let call = candidate {
                if steps >= limit { return nil }
                candidate = order(call) ? front : following(call)
            } else {
                noteLongest()
                guard let last = takeBack() else {
                    return .violated(longest: longest.order, stuck: longest.stuck)
                }
                candidate = following(last)
            }
        }
        return .linearizable
    }

    // MARK: Candidates

    private var front: Int? { following(Timeline.answered) }

    private func following(_ node: Int) -> Int? {
        let next = timeline.next[node]
        let isOpen = node >= Timeline.firstNode ? timeline.isOpen(node) : node == Timeline.open
        if isOpen { return next >= Timeline.firstNode && next < timeline.firstReturn ? next : nil }
        return timeline.isCall(next) ? next : following(Timeline.open)
    }

    // MARK: Moves

    private mutating func order(_ call: Int) -> Bool {
        steps += 1
        let number = timeline.operation[call]
        let performed = history[number]
        guard let state = model.step(now.state, performed.operation, performed.outcome?.response) else { return false }
        let before = now.state
        now.ordered[number >> 6] |= 1 << UInt64(number & 63)
        now.state = state
        guard seen.insert(now).inserted else {
            now.ordered[number >> 6] &= ~(1 << UInt64(number & 63))
            now.state = before
            return false
        }
        stack.append((call, before))
        timeline.remove(call)
        if performed.outcome != nil { answeredLeft -= 1 }
        return true
    }

    private mutating func takeBack() -> Int? {
        guard let (call, before) = stack.popLast() else { return nil }
        let number = timeline.operation[call]
        timeline.restore(call)
        now.ordered[number >> 6] &= ~(1 << UInt64(number & 63))
        now.state = before
        if history[number].outcome != nil { answeredLeft += 1 }
        return call
    }

    private mutating func noteLongest() {
        guard longest.order.isEmpty || stack.count > longest.order.count else { return }
        longest = (stack.map { timeline.operation[$0.call] }, timeline.operation[timeline.firstReturn])
    }
}
