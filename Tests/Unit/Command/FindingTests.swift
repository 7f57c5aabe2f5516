import FoundationEssentials
import Membus
import MembusDocuments
import MembusModel
import Testing

@testable import MembusCommand

@Suite("What finding prints")
struct FindingTests {
    private func linked(_ nodes: [(String, Int, Revision?)], _ edges: [(String, String, String)]) -> LinkGraph {
        LinkGraph(
            at: Position(revision: 9, hash: 1), indexed: 9,
            nodes: nodes.map { .init(key: key($0.0), depth: $0.1, revision: $0.2, kind: $0.2.map { _ in .text }) },
            edges: edges.map { .init(source: key($0.0), relation: $0.1, target: key($0.2), revision: 1) },
            isCut: false)
    }

    @Test("each link stands once in the tree, below the end that is nearer to the start")
    func tree() {
        let graph = linked(
            [("a", 0, 1), ("b", 1, 2), ("c", 1, 3), ("d", 2, nil)],
            [("a", "cites", "b"), ("c", "of", "a"), ("b", "see", "c"), ("b", "has", "d"), ("c", "has", "d")])
        let text = LinkText(graph, starts: [key("a")]) { $0.text }
        #expect(
            text.lines == [
                "a@1  text", "  cites → b@2  text", "    see → c@3  text", "    has → d  (no record)",
                "      ← has c@3  text", "  ← of c@3  text",
            ])
    }

    @Test("a circle of links, and one to itself, come to an end")
    func circle() {
        let graph = linked([("a", 0, 1), ("b", 1, 2)], [("a", "x", "a"), ("a", "x", "b"), ("b", "x", "a")])
        let text = LinkText(graph, starts: [key("a"), key("a")]) { $0.text }
        #expect(
            text.lines == ["a@1  text", "  x → a@1  text  (shown)", "  x → b@2  text", "    x → a@1  text  (shown)"])
    }

    @Test("no name leaves its quotes in Graphviz's language")
    func quoting() {
        let graph = linked([(#"a"];b"#, 0, 1), (#"c\"#, 1, nil)], [(#"a"];b"#, "is\n\"x\\", #"c\"#)])
        let text = LinkText(graph, starts: []) { $0.text }
        #expect(
            text.dot == [
                "digraph links {", "  rankdir=LR; node [shape=box];", #"  "a\"];b";"#, #"  "c\\" [style=dashed];"#,
                #"  "a\"];b" -> "c\\" [label="is\\u{a}\"x\\"];"#, "}",
            ])
    }

    private func rows(_ columns: [String], _ rows: [[QueryResult.Cell]]) -> RowsText {
        RowsText(QueryResult(at: Position(revision: 9, hash: 1), columns: columns, rows: rows))
    }

    @Test("CSV quotes what it must, tells NULL from an empty text, and shows bytes in digits")
    func csv() {
        let text = rows(
            ["a", "b,c"],
            [
                [.text("plain"), .null], [.text(""), .blob(Data([0, 255, 16]))], [.text("x\"y"), .integer(-5)],
                [.text("two\r\nlines"), .real(0.5)],
            ])
        #expect(
            text.csv.joined()
                == "a,\"b,c\"\r\nplain,\r\n\"\",00ff10\r\n\"x\"\"y\",-5\r\n\"two\r\nlines\",0.5\r\n")
    }

    @Test("a row is an object; columns of one name are told apart, bytes are no text, infinity is read as such")
    func objects() {
        let text = rows(
            ["n", "n", "n_2", "b", "x"], [[.integer(1), .text("1"), .null, .blob(Data([1])), .real(-.infinity)]])
        #expect(
            text.objects.map(\.line)
                == [#"{"n":1,"n_2":"1","n_2_2":null,"b":{"base64":"AQ=="},"x":-9e999}"#])
    }

    @Test("a table aligns its columns, numbers to the right, and obeys no control character")
    func table() {
        let text = rows(
            ["key", "n"],
            [[.text("a\u{1B}[2J"), .integer(5)], [.text(String(repeating: "x", count: 70)), .integer(1234)]])
        let lines = text.table(Style(isOn: false))
        #expect(lines.count == 3 && lines[1...].allSatisfy { $0.count == 61 + 2 + 4 })
        #expect(lines[0].hasPrefix("key  ") && lines[0].hasSuffix("n"))
        #expect(lines[1].hasPrefix("a\\u{1b}[2J") && lines[1].hasSuffix("     5") && lines[2].contains("x…  1234"))
    }

    @Test(
        "numbers with four digits",
        arguments: [
            (0, "0.0000"), (1, "1.0000"), (0.00004, "0.0000"), (0.00005, "0.0001"), (-12.34567, "-12.3457"),
            (.infinity, "inf"),
        ] as [(Double, String)])
    func fixed(_ number: Double, _ text: String) { #expect(Human.fixed(number) == text) }

    @Test("how far meaning took part is told in words")
    func standing() {
        func words(_ embedded: Double, _ uses: Bool) -> String {
            IndexStanding(indexed: 1, embedded: embedded, usesMeaning: uses).words
        }
        #expect(words(1, true) == "all" && words(0.834, true) == "83 %" && words(0, false) == "none")
        #expect(words(0.9999, false) == "99 %, ranked by words alone" && words(0.0001, true) == "1 %")
    }

    @Test("what a search takes")
    func arguments() throws {
        let search = try #require(
            try Root.parseAsRoot([
                "search", "night train", "--in", "plans/", "--in", "people/ada", "-k", "5", "--meaning", "never",
            ]) as? SearchCommand)
        #expect(search.topics.map(\.text) == ["plans/", "people/ada"] && search.limit == 5)
        #expect(search.meaning.meaning == .never)
        let graph = try #require(
            try Root.parseAsRoot(["graph", "a", "b", "--to", "c", "--relation", "x", "--relation", "y", "--in"])
                as? GraphCommand)
        #expect(graph.keys == [key("a"), key("b")] && graph.to == key("c") && graph.relation == ["x", "y"])
        #expect(graph.isIn && !graph.isOut)
    }

    @Test(
        "what excludes each other is refused",
        arguments: [
            ["search", "x", "--watch", "--at", "3"], ["search", "x", "--watch", "--explain"],
            ["search", "x", "-k", "0"],
            ["graph", "a", "--in", "--out"], ["graph", "a", "--dot", "--json"], ["graph"],
            ["sql", "SELECT 1", "--json", "--format", "csv"], ["recall", "x", "--budget", "0"],
            ["search", "x", "--meaning", "sometimes"],
        ])
    func refused(_ arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Root.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(Root.isOfTheParser(error))
    }
}
