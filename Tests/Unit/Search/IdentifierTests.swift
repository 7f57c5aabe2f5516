import Testing

@testable import MembusSearch

@Suite("Names in a text")
struct IdentifierTests {
    private func find(_ written: String) -> (wholes: [String], parts: [String]) {
        var (wholes, parts): ([String], [String]) = ([], [])
        var written = written
        written.withUTF8 {
            Identifiers.find(in: $0) {
                wholes.append(text($0))
            } part: {
                parts.append(text($0))
            }
        }
        return (wholes, parts)
    }

    @Test(
        "what is split in words is found whole, in lower case",
        arguments: [
            ("snake_case", ["snake_case"]), ("in MAX_SIZE too", ["max_size"]), ("src/main.swift", ["src/main.swift"]),
            ("(see Sources/Store/Reader.swift).", ["sources/store/reader.swift"]), ("and/or", ["and/or"]),
            ("/usr/lib/", ["usr/lib"]), ("“main.swift”", ["main.swift"]), ("snake_case—it", ["snake_case"]),
            ("a/b_c/d", ["a/b_c/d", "b_c"]), ("a_b.c_d", ["a_b.c_d", "a_b", "c_d"]),
        ])
    func wholes(written: String, expected: [String]) {
        #expect(find(written).wholes == expected)
        #expect(find(written).parts == [])
    }

    @Test(
        "what is one word is found in parts",
        arguments: [
            ("camelCase", ["camel", "case"]), ("parseHTTPRequest2", ["parse", "http", "request2"]),
            ("5K", ["5", "k"]), ("HTTPServer", ["http", "server"]), ("iOS", ["i", "os"]),
        ])
    func parts(written: String, expected: [String]) {
        #expect(find(written).parts == expected)
        #expect(find(written).wholes == [])
    }

    @Test(
        "a name of both sorts has both",
        arguments: [
            ("get_camelCase", ["get_camelcase"], ["camel", "case"]),
            ("Sources/MyFile.swift", ["sources/myfile.swift"], ["my", "file"]),
        ])
    func both(written: String, wholes: [String], parts: [String]) {
        #expect(find(written).wholes == wholes)
        #expect(find(written).parts == parts)
    }

    @Test(
        "plain prose, numbers and marks alone hold none",
        arguments: [
            "Hello world. The end.", "8th", "1.5", "2026-11-28", "___", "//", "...", "_private", "trailing_",
            "well-known", "",
            "A B", "émain.swift", "main.swifté", "naïveCase",
        ])
    func none(written: String) {
        #expect(find(written) == ([], []))
    }

    @Test("a name of more than 200 bytes is nobody's")
    func long() {
        let name = String(repeating: "a", count: 99)
        #expect(find(name + "_" + name + "b").wholes == [name + "_" + name + "b"])
        #expect(find(name + "_" + name + "bc").wholes == [])
    }
}
