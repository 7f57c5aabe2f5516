import CSQL
import CSQLite
import FoundationEssentials
import MembusModel
import MembusStore

/// Where a table writes what stands in a column. What is not written is NULL.
struct ResultColumn {
    private let result: OpaquePointer
    init(_ result: OpaquePointer) { self.result = result }

    func write(_ integer: Int64) { sqlite3_result_int64(result, integer) }
    func write(_ real: Double) { sqlite3_result_double(result, real) }
    func write(_ isSo: Bool) { sqlite3_result_int(result, isSo ? 1 : 0) }

    func write(_ text: String) {
        var text = text
        text.withUTF8 { membus_result_text(result, $0.baseAddress, $0.count) }
    }

    func write(text bytes: UnsafeRawBufferPointer) { membus_result_text(result, bytes.baseAddress, bytes.count) }

    /// As text where a record's kind says so, and the bytes are text.
    func write(value: UnsafeRawBufferPointer, of kind: UnsafeRawBufferPointer) {
        if Self.isText(kind), membus_is_utf8(value.baseAddress, value.count) != 0 {
            membus_result_text(result, value.baseAddress, value.count)
        } else {
            membus_result_blob(result, value.baseAddress, value.count)
        }
    }

    private static let texts = ["text", "json", "counter"].map { Array($0.utf8) }
    private static func isText(_ kind: UnsafeRawBufferPointer) -> Bool { texts.contains { $0.elementsEqual(kind) } }

    func write(_ cell: SQLCell) {
        switch cell {
        case .null: break
        case .integer(let integer): write(integer)
        case .real(let real): write(real)
        case .text(let text): write(text)
        case .blob(let bytes): bytes.withUnsafeBytes { membus_result_blob(result, $0.baseAddress, $0.count) }
        }
    }

    /// As a JSON object.
    func write(_ attributes: Attributes) {
        write("{" + attributes.map { "\(Self.quoted($0)):\(Self.quoted($1))" }.joined(separator: ",") + "}")
    }

    /// As JSON writes a text (RFC 8259, section 7).
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}

/// The columns of a version, whichever table shows it.
struct VersionColumns {
    let run: QueryRun
    let row: RawRows
    private typealias Column = StateSelect.Version

    var position: Int64 { row.integer(Column.position) }
    var revision: Revision { StatePosition.revision(row.integer(Column.position)) }
    var ordinal: Int64 { StatePosition.ordinal(row.integer(Column.position)) }
    var isDeleted: Bool { row.isNull(Column.kind) }
    var branch: String { run.branchName(row.integer(Column.branch)) }
    var key: UnsafeRawBufferPointer { row.bytes(Column.key) }
    var links: [Link] { get throws { row.isNull(Column.links) ? [] : try run.state.links(row.data(Column.links)) } }

    func write(kind result: ResultColumn) { if !isDeleted { result.write(text: row.bytes(Column.kind)) } }
    func write(owner result: ResultColumn) { if !isDeleted { result.write(text: row.bytes(Column.owner)) } }
    func write(expires result: ResultColumn) {
        if !row.isNull(Column.expires) { result.write(row.integer(Column.expires)) }
    }

    func write(attributes result: ResultColumn) throws {
        if isDeleted { return }
        let isNone = row.isNull(Column.attributes)
        result.write(isNone ? [:] : try run.state.attributes(row.data(Column.attributes)))
    }

    func write(size result: ResultColumn) throws {
        if isDeleted { return }
        let isWhole = row.isNull(Column.base)
        result.write(
            isWhole ? row.integer(Column.stored) : Int64(try run.state.size(splice: row.data(Column.value))))
    }

    func write(value result: ResultColumn) throws {
        if isDeleted { return }
        if row.isNull(Column.base) {
            result.write(value: row.bytes(Column.value), of: row.bytes(Column.kind))
        } else {
            let value = try run.state.value(splice: row.data(Column.value), on: row.integer(Column.base))
            value.withUnsafeBytes { result.write(value: $0, of: row.bytes(Column.kind)) }
        }
    }
}
