import Foundation
import Testing

/// Guards the house: who may import whom, and that nothing half done was left behind. It grades nobody.
@Suite struct HouseTests {
    /// The table of the architecture page: a room, its own modules, and those of ours that it may import.
    static let rooms: [(folder: String, mayImport: Set<String>)] = [
        ("Model", []),
        ("System", ["MembusModel"]),
        ("Wire", ["MembusModel"]),
        ("Documents", ["MembusModel"]),
        ("Bus", ["CZeroMQ"]),
        ("Store", ["CSQLite", "MembusModel", "MembusSystem"]),
        ("Meaning", ["CMeaning", "MembusSystem"]),
        ("Endpoint", ["CEndpoint", "MembusModel", "MembusSystem"]),
        ("Search", ["CSQLite", "MembusModel", "MembusStore", "MembusSystem", "MembusMeaning"]),
        ("SQL", ["CSQL", "CSQLite", "MembusModel", "MembusStore", "MembusSystem"]),
        (
            "Broker",
            [
                "CProcess", "MembusModel", "MembusSystem", "MembusWire", "MembusBus", "MembusStore", "MembusSearch",
                "MembusMeaning", "MembusEndpoint", "MembusSQL",
            ]
        ),
        ("Client", ["MembusModel", "MembusSystem", "MembusWire", "MembusBus"]),
        ("MCP", ["MembusModel", "Membus", "MembusDocuments"]),
        ("HTTP", ["MembusModel", "MembusDocuments", "MembusMCP"]),
        ("Door", ["CMembus", "MembusDocuments", "MembusSystem", "MembusModel", "MembusBus", "Membus"]),
        (
            "Command",
            [
                "MembusDocuments", "MembusSystem", "MembusModel", "MembusWire", "MembusStore", "MembusBroker", "Membus",
                "MembusBus", "CProcess", "MembusMCP", "MembusHTTP", "MembusMeaning", "MembusEndpoint",
            ]
        ),
        ("Executable", ["MembusCommand"]), ("Whole", ["MembusCommand"]),
    ]
    static let ours: Set<String> = [
        "CMembus", "CProcess", "CSQLite", "CZeroMQ", "MembusDocuments", "MembusSystem", "MembusModel", "MembusWire",
        "MembusBus",
        "MembusStore", "CMeaning", "MembusMeaning", "CEndpoint", "MembusEndpoint", "MembusSearch", "CSQL", "MembusSQL",
        "MembusBroker", "Membus",
        "MembusDoor", "MembusMCP", "MembusHTTP", "MembusCommand", "MembusExecutable", "MembusWhole",
    ]
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test("imports point down", arguments: rooms.map(\.folder))
    func imports(folder: String) throws {
        let allowed = Self.rooms.first { $0.folder == folder }?.mayImport ?? []
        for file in try swiftFiles(under: "Sources/\(folder)") {
            for module in try importedModules(in: file) where Self.ours.contains(module) {
                #expect(allowed.contains(module), "\(file.lastPathComponent) of \(folder) imports \(module)")
            }
        }
    }

    @Test(
        "agents' programmes, and the executable, do without all of Foundation, which is three times as large",
        arguments: rooms.map(\.folder))
    func essentials(folder: String) throws {
        for file in try swiftFiles(under: "Sources/\(folder)") where !file.path.contains("/Generated/") {
            #expect(!(try importedModules(in: file)).contains("Foundation"), "\(file.path) imports Foundation")
        }
    }

    @Test("every list of operations names each of them, and none has a default, so that a new one is forgotten nowhere")
    func operationsAreNamed() throws {
        let lists = [
            "Model/Operations/Operations.swift", "Model/Rights/Principal.swift", "Wire/Operations/Operations.swift",
            "Broker/Core/BrokerCore+Requests.swift",
        ]
        let declared = try code(of: Self.root.appending(path: "Sources/\(lists[0])"))
        let start = try #require(declared.range(of: "extension Request {")).upperBound
        let end = try #require(declared.range(of: "extension Reply {")).lowerBound
        let operations = declared[start..<end].matches(of: /case (\w+)\(/).map { String($0.1) }
        #expect(operations.count > 15)
        for list in lists {
            let code = try code(of: Self.root.appending(path: "Sources/\(list)"))
            for operation in operations {
                #expect(code.contains(try Regex("\\.\(operation)\\b")), "\(list) does not name \(operation)")
            }
            #expect(!code.contains("default:"), "\(list) has a default")
        }
    }

    @Test("rights are judged at one place, before a request is looked at")
    func oneGate() throws {
        var places: [String] = []
        for file in try swiftFiles(under: "Sources") {
            let code = try code(of: file)
            for _ in code.matches(of: /\.judge\(/) { places.append(file.lastPathComponent) }
        }
        #expect(places == ["BrokerCore+Requests.swift"])
        let core = try code(of: Self.root.appending(path: "Sources/Broker/Core/BrokerCore+Requests.swift"))
        let (judged, touched) = (core.range(of: ".judge("), core.range(of: "streams.touch("))
        #expect(try #require(judged).lowerBound < #require(touched).lowerBound)
    }

    @Test("the model has no clock, randomness or I/O")
    func pureModel() throws {
        let forbidden = [
            "SystemRandomNumberGenerator", ".random(in", "ContinuousClock", "SuspendingClock", "Date()",
            "FileManager", "FileHandle", "DispatchQueue", "Thread.", "ProcessInfo",
        ]
        for file in try swiftFiles(under: "Sources/Model") {
            let code = try self.code(of: file)
            for word in forbidden {
                #expect(!code.contains(word), "\(file.lastPathComponent) uses \(word)")
            }
        }
    }

    @Test("the cores of broker and client are not async")
    func synchronousCores() throws {
        let cores =
            try swiftFiles(under: "Sources/Client/Core")
            + swiftFiles(under: "Sources/Broker/Core")
        #expect(cores.count > 4)
        for file in cores {
            let code = try self.code(of: file).replacing(/"[^"]*"/, with: "")
            let isAsync = code.split(whereSeparator: { !$0.isLetter }).contains { $0 == "async" || $0 == "await" }
            #expect(!isAsync, "\(file.lastPathComponent) is async")
        }
    }

    @Test(
        "users' texts are compared byte by byte: String's own equality takes two spellings of one letter for the same")
    func textsByBytes() throws {
        // What compares one of these properties, or is found by them.
        let comparisons: [Regex<Substring>] = [
            #/\.(?:agent|owner|author|context|message|relation)\)? *(?:==|!=|<|>) /#,
            #/(?:==|!=) [\w.$?]*\b(?:agent|owner|author|context|message|relation)\b/#,
            #/\[String: |Set<String>|Dictionary<String/#,
        ]
        let words = ["agent", "owner", "author", "context", "message", "relation", "String: ", "<String"]
        // None of these is a user's text: a statement, a table's name, a file, a unit of time, an environment variable, a
        // context's number.
        let others = [
            "Database.swift",
            "Reader+Rows.swift", "Store.swift", "Time.swift", "Output.swift", "ViewCacheNoting.swift",
            "LocalPath.swift", "ServeCommand.swift", "BrokerFiles.swift", "FoundBroker.swift", "BrokerStart.swift",
            "Prompts.swift", "Library.swift", "MCPCommand.swift", "ShellCommand.swift",
        ]
        // Properties of values that are compared.
        let properties =
            #/^ *(public |package |fileprivate )?(private\(set\) )?(let|var) (agent|owner|author|context|message|relation): String$/#
        // These are not compared, or say by themselves how.
        let uncompared = [
            "Record.swift": ["owner"], "Decision.swift": ["agent"], "SessionState.swift": ["agent"],
            "Refusal.swift": ["message"], "StoreError.swift": ["message"],
        ]
        for file in try swiftFiles(under: "Sources") where !file.path.contains("/Generated/") {
            let name = file.lastPathComponent
            for line in try code(of: file).components(separatedBy: "\n") where words.contains(where: line.contains) {
                if !others.contains(name) {
                    for comparison in comparisons {
                        #expect(line.firstMatch(of: comparison) == nil, "\(name) compares texts: \(line)")
                    }
                }
                guard file.path.contains("/Sources/Model/"), let found = line.firstMatch(of: properties) else {
                    continue
                }
                let property = String(found.output.4)
                #expect(uncompared[name]?.contains(property) == true, "\(name): \(property) needs ByBytes")
            }
        }
    }

    @Test("no marks of unfinished work are left, and no drawer for odds and ends")
    func noLeftovers() throws {
        let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX:", "HA" + "CK"]
        for file in try swiftFiles(under: "Sources") + swiftFiles(under: "Tests") {
            if file.path.contains("/Generated/") { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for mark in marks { #expect(!text.contains(mark), "\(file.path) has a \(mark)") }
            #expect(!["Utils", "Helpers", "Misc"].contains(file.deletingPathExtension().lastPathComponent))
        }
    }

    @Test("what escapes the compiler's checks says why on its line, or on the one above")
    func reasons() throws {
        let escapes = ["@unchecked Sendable", "nonisolated(unsafe)"]
        for file in try swiftFiles(under: "Sources") where !file.path.contains("/Generated/") {
            let lines = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
            for (number, line) in lines.enumerated() where escapes.contains(where: line.contains) {
                let above = number > 0 ? lines[number - 1] : ""
                #expect(
                    line.contains("//") || above.contains("//"),
                    "\(file.lastPathComponent):\(number + 1) gives no reason")
            }
        }
    }

    func swiftFiles(under folder: String) throws -> [URL] {
        let place = Self.root.appendingPathComponent(folder)
        let files =
            FileManager.default.enumerator(at: place, includingPropertiesForKeys: nil)?
            .compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" } ?? []
        try #require(!files.isEmpty, "no Swift files under \(place.path)")
        return files
    }

    private func importedModules(in file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let place = words.firstIndex(of: "import"), words[..<place].allSatisfy({ $0.hasPrefix("@") }),
                words.count > place + 1
            else { return nil }
            return words[place + 1].split(separator: ".").first.map(String.init)
        }
    }

    /// Without comments.
    private func code(of file: URL) throws -> String {
        try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
            .map { line in line.range(of: "//").map { String(line[..<$0.lowerBound]) } ?? line }
            .joined(separator: "\n")
    }
}
