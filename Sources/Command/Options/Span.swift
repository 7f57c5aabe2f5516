import ArgumentParser

/// A length of time as people write it: `500ms`, `10s`, `1h30m`, `7d`; a bare number means seconds.
struct Span: ExpressibleByArgument, Hashable, Sendable {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }
    init?(argument: String) { self.init(parsing: argument) }

    static func read(_ text: String) throws -> Span {
        guard let span = Span(parsing: text) else {
            throw ValidationError(
                "write whole numbers with ms, s, m, h, d or w, such as 500ms or 1h30m; a bare number means seconds")
        }
        return span
    }

    init?(parsing text: String) {
        let isBare = !text.isEmpty && text.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        guard let duration = Duration(written: isBare ? text + "s" : text) else { return nil }
        self.init(duration)
    }
}
