import Foundation
import MembusModel
import MembusStore

@testable import MembusBroker
@testable import MembusSteppedBroker

/// Speaks to a broker's core over a real store in memory. The transcript decides when the commit thread and the
/// reading threads have their turns: `> sync` takes what waits to the disk, `> report` tells the core of it,
/// `> commit` does both, `> read` answers look-ups. `briefly` counts what comes out and prints the last of it.
///
/// `broker [inline BYTES] [events-of BYTES] [list N] [writes N] [reads N]`: values up to so many bytes travel along,
/// events up to so many; a heartbeat lists so many streams; so many writes and reads may wait.
final class BrokerScenario: Machine {
    var broker: SteppedBroker<String>
    var starts: UInt64 = 1
    private var reports: [WriteReport] = []
    /// Whose request has which id.
    var askers: [UInt64: String] = [:]
    var lastRequest: UInt64 = 0
    var streams = Names<StreamID>("s")
    var sessions = Names<SessionID>("session-")
    var generations = Names<UInt64>("g")
    var nextPage: PageToken?

    init(_ line: Line) throws {
        var settings = CoreSettings()
        settings.inlineValueBytes = Int(try line.number("inline") ?? 16 << 10)
        settings.eventBytes = Int(try line.number("events-of") ?? 64 << 10)
        if let most = try line.number("list") { settings.streams.mostListed = Int(most) }
        if let most = try line.number("writes") { settings.writesWaiting = Int(most) }
        if let most = try line.number("reads") { settings.readsWaiting = Int(most) }
        broker = try SteppedBroker(
            settings: settings, lineage: 1, instance: Instance(1), seed: 1, now: Instant(nanoseconds: 0))
    }

    func take(_ line: Line) throws -> [String] {
        let lines = try turn(line)
        return line.has("briefly") ? ["\(lines.count) messages, at last: \(lines.last ?? "nothing")"] : lines
    }

    private func turn(_ line: Line) throws -> [String] {
        switch line.verb {
        case "sync": return try sync()
        case "report": return report()
        case "commit": return try sync() + report()
        case "read": return words(for: broker.answer())
        case "after":
            let time = try Line.duration(try line.word(1))
            broker.now = broker.now + time
            broker.wall = broker.wall.advanced(by: time)
            return step(.tick(wall: broker.wall))
        case "restart": return try restart()
        case "compact":
            let floor = try Line.number(try line.word(1))
            _ = try broker.writer.write([.compact(Compact(below: floor), by: Retention())], at: broker.wall)
            while try broker.writer.sweep() {}
            return ["the floor is \(broker.writer.floor)"]
        default: return try ask(line)
        }
    }

    // MARK: The threads' turns

    func step(_ input: BrokerInput<String>) -> [String] { words(for: broker.step(input)) }

    private func sync() throws -> [String] {
        reports.append(try broker.sync())
        return []
    }

    private func report() -> [String] {
        let waiting = reports
        reports = []
        return waiting.flatMap { step(.written($0)) }
    }

    /// The process dies: what was not on disk is gone.
    private func restart() throws -> [String] {
        reports = []
        starts += 1
        try broker.restart(as: Instance(starts), seed: starts)
        return ["instance I\(starts), V is \(words(for: broker.core.visible))"]
    }
}
