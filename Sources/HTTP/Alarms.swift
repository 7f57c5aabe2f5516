import Synchronization

/// What is to be done if something takes too long, which it hardly ever does: kept in a list that is looked through now and then,
/// since a timer of its own for each costs more than what it watches.
final class Alarms: Sendable {
    static let shared = Alarms()
    /// They ring up to so much late.
    static let step: Duration = .milliseconds(50)

    private struct State {
        var last = 0
        var waiting: [Int: (due: ContinuousClock.Instant, ring: @Sendable () -> Void)] = [:]
        var isLooking = false
    }
    private let state = Mutex(State())

    /// - Returns: by what it is called off.
    func add(after patience: Duration, _ ring: @escaping @Sendable () -> Void) -> Int {
        let due = ContinuousClock.now + patience
        let (number, isFirst) = state.withLock { state in
            state.last += 1
            state.waiting[state.last] = (due, ring)
            defer { state.isLooking = true }
            return (state.last, !state.isLooking)
        }
        if isFirst { Task { await look() } }
        return number
    }

    func remove(_ number: Int) { _ = state.withLock { $0.waiting.removeValue(forKey: number) } }

    var count: Int { state.withLock { $0.waiting.count } }

    private func look() async {
        repeat { try? await Task.sleep(for: Self.step) } while ring()
    }

    /// - Returns: whether there is more to wait for.
    private func ring() -> Bool {
        let now = ContinuousClock.now
        let (due, isMore) = state.withLock { state in
            let due = state.waiting.filter { $0.value.due <= now }
            for number in due.keys { state.waiting[number] = nil }
            state.isLooking = !state.waiting.isEmpty
            return (due, state.isLooking)
        }
        for (_, alarm) in due.sorted(by: { $0.value.due < $1.value.due }) { alarm.ring() }
        return isMore
    }
}
