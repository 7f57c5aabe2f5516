import FoundationEssentials
import Glibc
import Membus
import MembusSystem
import Synchronization

/// How far something has got, and what of that to show. Pure: time arrives from outside.
struct Meter: Sendable {
    /// What is counted, in the plural: `records`.
    let noun: String
    var done: Int64 = 0
    var bytes: Int64 = 0
    /// `nil`: not known.
    var total: Int64?
    var totalBytes: Int64?
    let start: Instant
    /// What was there before, at the start of a resumed run, and says nothing about the speed.
    var skipped: Int64 = 0
    var skippedBytes: Int64 = 0

    init(counting noun: String, start: Instant) {
        self.noun = noun
        self.start = start
    }

    /// By bytes where both ends are known, else by number; 0 to 1.
    var fraction: Double? {
        if let totalBytes, totalBytes > 0 { return min(1, Double(bytes) / Double(totalBytes)) }
        if let total, total > 0 { return min(1, Double(done) / Double(total)) }
        return total == 0 ? 1 : nil
    }

    func secondsLeft(at now: Instant) -> Int64? {
        let elapsed = Double((now - start).wholeMilliseconds) / 1000
        guard let fraction, fraction < 1, elapsed >= 1 else { return nil }
        let skippedFraction: Double =
            if let totalBytes, totalBytes > 0 { Double(skippedBytes) / Double(totalBytes) } else if let total, total > 0
            {
                Double(skipped) / Double(total)
            } else { 0 }
        let made = fraction - skippedFraction
        guard made > 0 else { return nil }
        let left = elapsed * (1 - fraction) / made
        // Less a trifle, so that 20.000000001 is not told as 21.
        return left < 8_640_000 ? Int64((left - 0.001).rounded(.up)) : nil
    }

    /// How much room there is.
    enum Room: CaseIterable { case plenty, some, little, least }

    /// `12,000 of 50,000 records · 3.1 MiB · 40,000 records/s · 1.2 MiB/s · 12s left`; with less room
    /// `12,000 records · 3.1 MiB · 40,000/s · 12s left`, and in the end `12,000 · 12s left`.
    func figures(at now: Instant, room: Room = .plenty) -> String {
        let elapsed = max(0.001, Double((now - start).wholeMilliseconds) / 1000)
        let countsRecords = noun != "bytes"
        let hasTotals = room == .plenty || room == .some
        var parts: [String] = []
        if countsRecords {
            let goal = hasTotals ? total.map { " of \(Human.grouped($0))" } ?? "" : ""
            parts.append(Human.grouped(done) + goal + (room == .least ? "" : " " + Human.noun(total ?? done, noun)))
        }
        if room != .least || !countsRecords {
            parts.append(Human.bytes(bytes) + (hasTotals ? totalBytes.map { " of \(Human.bytes($0))" } ?? "" : ""))
        }
        if countsRecords, room != .least {
            parts.append(
                "\(Human.grouped(Int64(Double(done - skipped) / elapsed)))\(room == .little ? "" : " \(noun)")/s")
        }
        if room == .plenty || !countsRecords && room != .least {
            parts.append("\(Human.bytes(Int64(Double(bytes - skippedBytes) / elapsed)))/s")
        }
        if let left = secondsLeft(at: now) { parts.append("\(Human.clock(left)) left") }
        return parts.joined(separator: " · ")
    }

    /// As much as fits, what matters to the end: the bar goes before the figures do, and the time left stays.
    func line(at now: Instant, columns: Int) -> String {
        for room in Room.allCases {
            let figures = figures(at: now, room: room)
            guard let fraction else {
                if figures.count <= columns { return figures }
                continue
            }
            let percent = Human.padded("\(Int(fraction * 100))%", 4, right: true)
            for width in [20, 10] where room != .little && room != .least && figures.count + width + 8 <= columns {
                return bar(at: now, width: width, room: room)
            }
            if room != .plenty, figures.count + 5 <= columns { return "\(percent) \(figures)" }
        }
        return String((fraction.map { "\(Int($0 * 100))%" } ?? Human.grouped(done)).prefix(max(0, columns)))
    }

    /// `[########------------]  42% …`
    func bar(at now: Instant, width: Int = 20, room: Room = .plenty) -> String {
        guard let fraction else { return figures(at: now, room: room) }
        let filled = Int(fraction * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
        return "[\(bar)] \(Human.padded("\(Int(fraction * 100))%", 4, right: true)) \(figures(at: now, room: room))"
    }
}

/// Shows a meter on standard error: one line that is redrawn on a terminal, else a plain line now and then.
final class Progress: Sendable {
    private struct State {
        var meter: Meter
        var lastShown: Instant
        var isDrawn = false
    }
    private let state: Mutex<State>
    private let title: String
    private let isTerminal: Bool

    init(_ title: String, counting noun: String, isTerminal: Bool = Progress.canRedraw) {
        self.title = title
        self.isTerminal = isTerminal
        let now = Instant.now
        state = Mutex(State(meter: Meter(counting: noun, start: now), lastShown: now))
    }

    /// A dumb terminal cannot go back on a line.
    private static var canRedraw: Bool {
        isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
    }

    func update(_ change: (inout Meter) -> Void) {
        state.withLock { state in
            change(&state.meter)
            let now = Instant.now
            guard now - state.lastShown >= (isTerminal ? .milliseconds(100) : .seconds(2)) else { return }
            state.lastShown = now
            show(&state, now)
        }
    }

    /// The last word: always shown on terminals, and where it took a while.
    func finish() {
        state.withLock { state in
            let now = Instant.now
            // In a log, what took no time is not worth a line.
            if !isTerminal, !state.isDrawn, now - state.meter.start < .seconds(2) { return }
            show(&state, now)
            if isTerminal { Output.warn("", prefix: "") }
        }
    }

    /// Leaves a terminal's line, so that what follows stands on its own.
    func interrupt() {
        state.withLock { state in
            if isTerminal, state.isDrawn { Output.warn("", prefix: "") }
        }
    }

    /// The terminal's, in columns; it may change.
    private static var width: Int {
        var size = winsize()
        if ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
        return ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } ?? 80
    }

    private func show(_ state: inout State, _ now: Instant) {
        state.isDrawn = true
        guard isTerminal else { return Output.warn("\(title): \(state.meter.figures(at: now))") }
        // Back to the line's start, and what is left of a longer line before removed.
        // A line that wraps could not be drawn over: one column is left free for the cursor.
        let room = max(1, Self.width - 1)
        let line = "\(title) \(state.meter.line(at: now, columns: room - title.count - 1))".prefix(room)
        let text = "\r\(line)\u{1B}[K"
        StandardError.write(text)
    }
}
