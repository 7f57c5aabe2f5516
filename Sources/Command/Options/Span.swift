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
        guard !text.isEmpty else { return nil }
        let isBare = Self.digits(text[...]) != nil
        var parts: [(Int64, Int64)] = []
        var rest = (isBare ? text + "s" : text)[...]
        while !rest.isEmpty {
            let number = rest.prefix { $0.isNumber }
            let unit = rest.dropFirst(number.count).prefix { !$0.isNumber }
            guard let count = Self.digits(number), let milliseconds = Self.units[String(unit)] else { return nil }
            parts.append((count, milliseconds))
            rest = rest.dropFirst(number.count + unit.count)
        }
        guard let span = Self.total(parts) else { return nil }
        self = span
    }

    private static let units: [String: Int64] = [
        "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
    ]

    /// ASCII digits alone, not what `Int64` would take besides.
    private static func digits(_ text: Substring) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        return Int64(text)
    }

    private static func total(_ parts: [(Int64, Int64)]) -> Span? {
        var sum: Int64 = 0
        for (count, unit) in parts {
            let (product, tooLong) = count.multipliedReportingOverflow(by: unit)
            let (next, tooMuch) = sum.addingReportingOverflow(product)
            if tooLong || tooMuch { return nil }
            sum = next
        }
        return Span(.milliseconds(sum))
    }
}
