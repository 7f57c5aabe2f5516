import FoundationEssentials
import Membus
import MembusDocuments

/// The rows of a query in the forms that people and their tools read.
struct RowsText {
    let result: QueryResult

    init(_ result: QueryResult) { self.result = result }

    // MARK: For people

    private static let widest = 60

    /// Columns side by side; numbers stand to the right.
    func table(_ style: Style) -> [String] {
        let rows = result.rows.map { $0.map(Self.short) }
        let names = result.columns.map { Self.cut($0) }
        let widths = names.indices.map { column in
            rows.reduce(names[column].count) { max($0, column < $1.count ? $1[column].count : 0) }
        }
        let head = zip(names, widths).map { Human.padded($0, $1) }.joined(separator: "  ")
        return [style.bold(Self.withoutEnd(head))]
            + zip(rows, result.rows).map { texts, cells in
                Self.withoutEnd(
                    texts.indices.map { column in
                        Human.padded(texts[column], widths[column], right: Self.isNumber(cells[column]))
                    }.joined(separator: "  "))
            }
    }

    /// Nobody wants the last column's padding.
    private static func withoutEnd(_ line: String) -> String {
        var line = line[...]
        while line.last == " " { line.removeLast() }
        return String(line)
    }

    private static func short(_ cell: QueryResult.Cell) -> String { cut(text(cell, null: "NULL")) }

    private static func cut(_ text: String) -> String {
        let start = text.prefix(widest)
        return String(start).escapingControlCharacters + (start.endIndex < text.endIndex ? "…" : "")
    }

    private static func isNumber(_ cell: QueryResult.Cell) -> Bool {
        switch cell {
        case .integer, .real: true
        case .null, .text, .blob: false
        }
    }

    // MARK: For tools

    /// An object per row. Of columns with one name the later ones get a number.
    var objects: [JSONValue] {
        let names = Self.distinct(result.columns)
        return result.rows.map { row in
            .object(zip(names, row).map { JSONValue.Field($0, .cell($1)) })
        }
    }

    static func distinct(_ names: [String]) -> [String] {
        var (taken, given) = (Set<ByBytes>(), [String]())
        for name in names {
            var (candidate, number) = (name, 1)
            while !taken.insert(ByBytes(candidate)).inserted {
                number += 1
                candidate = "\(name)_\(number)"
            }
            given.append(candidate)
        }
        return given
    }

    /// As of RFC 4180, each record with its line end. NULL is an empty field, an empty text a quoted one.
    var csv: [String] {
        [Self.record(result.columns.map(Self.field))]
            + result.rows.map { row in
                Self.record(
                    row.map { cell in
                        if case .text(let text) = cell { return Self.field(text) }
                        return Self.text(cell, null: "")
                    })
            }
    }

    private static func record(_ fields: [String]) -> String { fields.joined(separator: ",") + "\r\n" }

    private static func field(_ text: String) -> String {
        // By bytes: to Swift a line end of two signs is one character.
        let isPlain = !text.isEmpty && !text.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) }
        return isPlain ? text : "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    private static func text(_ cell: QueryResult.Cell, null: String) -> String {
        switch cell {
        case .null: null
        case .integer(let value): "\(value)"
        case .real(let value): "\(value)"
        case .text(let value): value
        case .blob(let value): hexadecimal(value)
        }
    }

    private static func hexadecimal(_ data: Data) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: data.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
