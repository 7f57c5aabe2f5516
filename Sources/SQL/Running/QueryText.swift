import MembusModel

/// What is told of a query's text before SQLite sees it.
enum QueryText {
    static func check(_ text: String, within limits: SQLLimits) throws(Refusal) {
        guard text.utf8.count <= limits.textBytes else {
            throw Refusal(
                .limitExceeded, "the query has \(text.utf8.count) bytes; at most \(limits.textBytes) are read",
                hint: "shorten it", subject: "text")
        }
        // To SQLite it would end there.
        if let place = text.utf8.firstIndex(of: 0) {
            let before = text.utf8.distance(from: text.utf8.startIndex, to: place)
            throw Refusal(.invalidArgument, "the query holds a NUL at byte \(before)", hint: "write char(0) for it")
        }
        let copies = CommonTables.copies(in: text)
        guard copies <= CommonTables.most else {
            throw Refusal(
                .limitExceeded,
                "the query names its own tables so often that SQLite would make more than \(CommonTables.most) copies",
                hint: "name each of them less often", subject: "common table expressions")
        }
    }

    /// As people count them: "line 2, column 7".
    static func place(of offset: Int, in text: String) -> String {
        let before = text.utf8.prefix(offset)
        let line = before.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let column = line.last.map { String(decoding: $0, as: UTF8.self).count } ?? 0
        return "line \(line.count), column \(column + 1)"
    }
}
