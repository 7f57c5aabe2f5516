import Foundation
import Testing

/// The tree is written as `swift format` writes it, with the rules of `.swift-format`.
@Suite struct FormatTests {
    @Test("all Swift is formatted: swift format -p -i Sources Tests Package.swift, with the -r option, mends it")
    func formatted() throws {
        let files = ["Sources", "Tests"].flatMap { folder in
            FileManager.default.enumerator(
                at: HouseTests.root.appending(path: folder), includingPropertiesForKeys: nil)?
                .compactMap { ($0 as? URL)?.path }.filter { $0.hasSuffix(".swift") && !$0.contains("/Generated/") }
                ?? []
        }
        #expect(files.count > 300)
        let result = try Tool.run(
            ["swift", "format", "lint", "--strict", "--parallel", "--configuration", ".swift-format", "Package.swift"]
                + files)
        #expect(result.status == 0, "\(result.output.prefix(4000))")
    }
}

/// Programmes of the toolchain that tests ask.
enum Tool {
    /// - Returns: what it printed on both outputs together.
    static func run(_ words: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        process.currentDirectoryURL = HouseTests.root
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }
}
