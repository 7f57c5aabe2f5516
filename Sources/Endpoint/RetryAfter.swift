import MembusModel

/// The header Retry-After (RFC 9110, section 10.2.3): seconds, or a date as servers write them today
/// (`Sun, 06 Nov 1994 08:49:37 GMT`).
enum RetryAfter {
    /// - Returns: `nil`: it says nothing that can be understood. What is past is now.
    static func wait(_ header: String, now: Timestamp) -> Duration? {
        if !header.isEmpty, header.utf8.allSatisfy(isDigit) {
            return .seconds(min(Int64(header) ?? .max, 1_000_000_000))
        }
        guard let moment = seconds(ofDate: header) else { return nil }
        return max(.zero, .milliseconds(moment * 1000 - now.milliseconds))
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Since 1970.
    private static func seconds(ofDate text: String) -> Int64? {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[0].last == ",", parts[5] == "GMT", let day = number(parts[1], 1...31),
            let month = months.firstIndex(of: String(parts[2])), let year = number(parts[3], 1970...9999)
        else { return nil }
        let time = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard time.count == 3, let hour = number(time[0], 0...23), let minute = number(time[1], 0...59),
            let second = number(time[2], 0...60)
        else { return nil }
        return days(year, month + 1, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    private static func number(_ digits: Substring, _ range: ClosedRange<Int64>) -> Int64? {
        guard digits.utf8.allSatisfy(isDigit), let number = Int64(digits), range ~= number else { return nil }
        return number
    }

    /// From 1970-01-01, of the Gregorian calendar: years begin in March, so that the leap day is a year's last
    /// (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    private static func days(_ year: Int64, _ month: Int, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * Int64(month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
