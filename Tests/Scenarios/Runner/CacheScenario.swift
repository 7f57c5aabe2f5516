import MembusModel

/// Speaks to a view's cache: `cache update plans/ [capacity N]`. Fills are named f1, f2, … when they begin.
final class CacheScenario: Machine {
    private var cache: ViewCache
    private var tickets: [String: FillTicket] = [:]
    private var lastTicket = 0

    init(_ line: Line) throws {
        guard let mode = StreamMode(rawValue: try line.word(1)) else { throw Unreadable("update or invalidate?") }
        cache = ViewCache(
            mode: mode, filter: TopicFilter([try Topic(try line.word(2))]),
            capacity: Int(try line.number("capacity") ?? 1 << 20), hashSeed: 1)
    }

    func take(_ line: Line) throws -> [String] {
        switch line.verb {
        case "install", "apply":
            let position = try Line.position(try line.word(1).filter { $0 != ":" })
            let records = try Line.records(line.list, at: position.revision)
            if line.verb == "install" {
                cache.install(records, at: position)
            } else {
                cache.apply(records, to: position)
            }
            return []
        case "advance":
            cache.advance(to: try Line.position(try line.word(1)))
            return []
        case "reset":
            cache.reset()
            return []
        case "read": return try read(line.words.dropFirst().map { try Key($0) })
        case "fill": return try fill(line)
        default: throw Unreadable("a cache knows install, apply, advance, reset, read and fill")
        }
    }

    private func read(_ keys: [Key]) throws -> [String] {
        let taken = cache.take(keys)
        var lines = ["as of \(taken.cut?.words ?? "no state"):"]
        for (key, hit) in zip(keys, taken.hits) { lines.append("  \(key): \(words(for: hit))") }
        guard !taken.missing.isEmpty else { return lines }
        lastTicket += 1
        tickets["f\(lastTicket)"] = cache.beginFill(taken.missing)
        let cut = taken.cut?.words ?? "nothing"
        return lines + [
            "f\(lastTicket): one request for \(taken.missing.map(\.text).joined(separator: " ")) as of \(cut)"
        ]
    }

    private func words(for hit: ViewCache.Hit) -> String {
        switch hit {
        case .record(let record): record.words
        case .announced(let record): "\(record.words), its value did not travel"
        case .absent: "absent"
        case .miss: "not here"
        case .outside: "not followed"
        }
    }

    /// `fill f1 as of 7: plans/a@5=x`
    private func fill(_ line: Line) throws -> [String] {
        guard let ticket = tickets.removeValue(forKey: try line.word(1)) else { throw Unreadable("no such fill") }
        let position = try Line.position(try line.word(4).filter { $0 != ":" })
        let records = try Line.records(line.list, at: position.revision)
        return ["\(cache.fill(ticket, with: records, at: position)) of \(records.count) kept"]
    }
}
