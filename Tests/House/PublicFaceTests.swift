import Foundation
import Testing

/// What agents' code sees of the library. Tests of this package see everything that is `package`, so an outsider judges:
/// the compiler, given the built modules and no package name.
@Suite struct PublicFaceTests {
    /// Where the modules are that this test was built with.
    private static let modules = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "Modules").path
    private static let search = ["-I", modules, "-I", "Sources/CZeroMQ"]

    private func typecheck(_ code: String) throws -> (status: Int32, output: String) {
        let file = FileManager.default.temporaryDirectory.appending(path: "outsider-\(UUID().uuidString).swift")
        try Data(code.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try Tool.run(["swiftc", "-typecheck", "-swift-version", "6"] + Self.search + [file.path])
    }

    @Test("README's example compiles for somebody outside the package")
    func example() throws {
        let readme = try String(contentsOf: HouseTests.root.appending(path: "README.md"), encoding: .utf8)
        let block = try #require(readme.firstMatch(of: /```swift\n((?s:.*?))```/)).output.1
        let lines = block.split(separator: "\n", omittingEmptySubsequences: false)
        let imports = lines.filter { $0.hasPrefix("import ") }.joined(separator: "\n")
        let body = lines.filter { !$0.hasPrefix("import ") }.joined(separator: "\n")
        let result = try typecheck("\(imports)\nfunc example() async throws {\n\(body)\n}\n")
        #expect(result.status == 0, "\(result.output)")
    }

    @Test(
        "what is the package's own is hidden from it",
        arguments: [
            "let key = Key(unchecked: \"a\")", "let request: Request? = nil", "let core: ClientCore? = nil",
            "let refusal = Refusal(.busy, \"full\")",
        ])
    func hidden(line: String) throws {
        #expect(try typecheck("import Membus\n").status == 0)
        #expect(try typecheck("import Membus\n\(line)\n").status != 0, "\(line) compiles")
    }

    @Test("public is what Tests/House/PublicFace.txt lists; MEMBUS_REWRITE_FACE=1 writes it anew")
    func symbols() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "face-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var face: [String] = []
        for module in ["Membus", "MembusModel"] {
            let result = try Tool.run(
                ["swift-symbolgraph-extract", "-module-name", module, "-target", Self.target] + Self.search + [
                    "-minimum-access-level", "public", "-skip-synthesized-members", "-output-dir", folder.path,
                ])
            try #require(result.status == 0, "\(result.output)")
            let graph = try JSONDecoder().decode(
                Graph.self, from: Data(contentsOf: folder.appending(path: "\(module).symbols.json")))
            face += Set(graph.symbols.map { "\(module) \($0.words)" }).sorted()
        }
        let list = HouseTests.root.appending(path: "Tests/House/PublicFace.txt")
        if ProcessInfo.processInfo.environment["MEMBUS_REWRITE_FACE"] != nil {
            try Data((face.joined(separator: "\n") + "\n").utf8).write(to: list)
        }
        let listed = try String(contentsOf: list, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(Set(face).subtracting(listed).sorted() == [], "public, and not listed")
        #expect(Set(listed).subtracting(face).sorted() == [], "listed, and not public")
    }

    private static var target: String {
        #if arch(arm64)
            "aarch64-unknown-linux-gnu"
        #else
            "x86_64-unknown-linux-gnu"
        #endif
    }

    private struct Graph: Decodable {
        struct Symbol: Decodable {
            struct Kind: Decodable { var identifier: String }
            var kind: Kind
            var pathComponents: [String]
            /// `method Memory.get(_:at:branch:timeout:)`
            var words: String {
                "\(kind.identifier.replacingOccurrences(of: "swift.", with: "")) \(pathComponents.joined(separator: "."))"
            }
        }
        var symbols: [Symbol]
    }
}
