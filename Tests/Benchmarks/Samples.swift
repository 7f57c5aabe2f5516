import Foundation

/// One figure per round.
struct Samples {
    private(set) var values: [Double] = []

    mutating func add(_ value: Double) { values.append(value) }

    var median: Double { share(0.5) }
    /// 0.99: what one in a hundred exceeds.
    func share(_ share: Double) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? .nan : sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))]
    }

    func spread(_ unit: String) -> String {
        "\(format(values.min() ?? .nan, "")) to \(format(values.max() ?? .nan, unit))"
    }
    var groupedSpread: String { "\(grouped(values.min() ?? 0)) to \(grouped(values.max() ?? 0))" }
}

enum Clock {
    static var nanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Seconds of processor time that this process has used.
    static var processorSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// How long `body` takes, in nanoseconds.
func time(_ body: () throws -> Void) rethrows -> Double {
    let start = Clock.nanoseconds
    try body()
    return Double(Clock.nanoseconds - start)
}

/// The same in processor time of this thread: for what never waits, on a machine that others use too.
func processorTime(_ body: () throws -> Void) rethrows -> Double {
    var (start, end) = (timespec(), timespec())
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
    try body()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
    return Double(end.tv_sec - start.tv_sec) * 1e9 + Double(end.tv_nsec - start.tv_nsec)
}

/// Keeps the optimiser from dropping what nobody looks at.
@inline(never)
func consume(_ value: Int64) { if value == .min { note("\(value)") } }
