import MembusModel

/// The last 1,024 durations of one sort, for medians and percentiles.
struct LatencyWindow: Sendable {
    private static let capacity = 1024
    private var nanoseconds: [Int64] = []
    private var next = 0

    mutating func add(_ duration: Duration) {
        if nanoseconds.count < Self.capacity {
            nanoseconds.append(duration.wholeNanoseconds)
        } else {
            nanoseconds[next] = duration.wholeNanoseconds
            next = (next + 1) % Self.capacity
        }
    }

    /// - Parameter share: 0.5 for the median.
    func percentile(_ share: Double) -> Duration {
        guard !nanoseconds.isEmpty else { return .zero }
        let sorted = nanoseconds.sorted()
        return .nanoseconds(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }
}
