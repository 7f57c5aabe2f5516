import CSQLite
import Glibc

/// Splits texts into words as SQLite's FTS5 does with `porter unicode61`: by its own code, so that the two agree on every
/// text. Used by one thread at a time.
package final class WordSplitter {
    /// What stands in a text, in its order: bytes of the terms, one after the other, and where each word stood.
    package struct Words {
        package fileprivate(set) var bytes: [UInt8] = []
        /// Of each word: where its term ends in `bytes`, and from where to where it stood in the text.
        package fileprivate(set) var spans: [(end: Int32, from: Int32, to: Int32)] = []

        package var count: Int { spans.count }

        /// Where the term of a word stands in ``bytes``.
        package func range(_ index: Int) -> Range<Int> {
            (index == 0 ? 0 : Int(spans[index - 1].end))..<Int(spans[index].end)
        }

        package func term(_ index: Int) -> [UInt8] { Array(bytes[range(index)]) }
    }

    private struct Tokenizer {
        var functions: fts5_tokenizer
        var instance: OpaquePointer
    }

    private let connection: OpaquePointer
    private let stemming: Tokenizer
    private let plain: Tokenizer
    private let collected = Collected()

    /// - Throws: ``SearchFault`` if SQLite was built without FTS5.
    package init() throws(SearchFault) {
        var opened: OpaquePointer?
        guard sqlite3_open_v2(":memory:", &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil) == SQLITE_OK,
            let opened
        else { throw SearchFault("SQLite opens no connection in memory") }
        connection = opened
        let api = try Self.api(of: opened)
        stemming = try Self.tokenizer("porter", ["unicode61"], api)
        plain = try Self.tokenizer("unicode61", [], api)
    }

    deinit {
        stemming.functions.xDelete?(stemming.instance)
        plain.functions.xDelete?(plain.instance)
        sqlite3_close_v2(connection)
    }

    private static func api(of connection: OpaquePointer) throws(SearchFault) -> UnsafeMutablePointer<fts5_api> {
        var api: UnsafeMutablePointer<fts5_api>?
        var statement: OpaquePointer?
        if sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nil) == SQLITE_OK {
            withUnsafeMutablePointer(to: &api) { place in
                sqlite3_bind_pointer(statement, 1, place, "fts5_api_ptr", nil)
                sqlite3_step(statement)
            }
        }
        sqlite3_finalize(statement)
        guard let api else { throw SearchFault("this SQLite has no FTS5, whose words the index is made of") }
        return api
    }

    private static func tokenizer(
        _ name: String, _ arguments: [String], _ api: UnsafeMutablePointer<fts5_api>
    ) throws(SearchFault) -> Tokenizer {
        var functions = fts5_tokenizer()
        var context: UnsafeMutableRawPointer?
        guard api.pointee.xFindTokenizer(api, name, &context, &functions) == SQLITE_OK else {
            throw SearchFault("this SQLite has no tokenizer \(name)")
        }
        let texts = arguments.map { UnsafePointer(strdup($0)) }
        defer { for text in texts { free(UnsafeMutablePointer(mutating: text)) } }
        var pointers: [UnsafePointer<CChar>?] = texts
        var instance: OpaquePointer?
        let code = pointers.withUnsafeMutableBufferPointer {
            functions.xCreate(context, $0.baseAddress, Int32(arguments.count), &instance)
        }
        guard code == SQLITE_OK, let instance else { throw SearchFault("the tokenizer \(name) does not start") }
        return Tokenizer(functions: functions, instance: instance)
    }

    /// - Parameter isStemmed: else words are only folded.
    package func split(_ text: UnsafeBufferPointer<UInt8>, isStemmed: Bool = true) -> Words {
        var words = Words()
        split(text, isStemmed: isStemmed, into: &words)
        return words
    }

    package func split(_ text: String, isStemmed: Bool = true) -> Words {
        var text = text
        return text.withUTF8 { split($0, isStemmed: isStemmed) }
    }

    /// Into room that is there already, in place of what it holds.
    package func split(_ text: UnsafeBufferPointer<UInt8>, isStemmed: Bool = true, into words: inout Words) {
        words.bytes.removeAll(keepingCapacity: true)
        words.spans.removeAll(keepingCapacity: true)
        guard let start = text.baseAddress, !text.isEmpty else { return }
        let tokenizer = isStemmed ? stemming : plain
        swap(&collected.words, &words)
        start.withMemoryRebound(to: CChar.self, capacity: text.count) { start in
            _ = tokenizer.functions.xTokenize(
                tokenizer.instance, Unmanaged.passUnretained(collected).toOpaque(), FTS5_TOKENIZE_DOCUMENT, start,
                Int32(clamping: text.count)
            ) { context, flags, term, count, from, to in
                guard flags & FTS5_TOKEN_COLOCATED == 0, let context, let term else { return SQLITE_OK }
                let collected = Unmanaged<Collected>.fromOpaque(context).takeUnretainedValue()
                collected.add(UnsafeRawBufferPointer(start: term, count: Int(count)), from, to)
                return SQLITE_OK
            }
        }
        swap(&collected.words, &words)
    }
}

private final class Collected {
    var words = WordSplitter.Words()

    func add(_ term: UnsafeRawBufferPointer, _ from: Int32, _ to: Int32) {
        words.bytes.append(contentsOf: term)
        words.spans.append((Int32(words.bytes.count), from, to))
    }
}

/// The index can't be used as it is: it is made anew, or the fault is told.
package struct SearchFault: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
