import Foundation
import Testing

@testable import MembusSimulation

@Suite("The command")
struct CommandTests {
    /// Beside the bundle of tests.
    private static let command: URL? = {
        let beside =
            Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() } + [
                URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            ]
        return beside.map { $0.appendingPathComponent("membus-simulate") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }()

    private func run(_ arguments: String...) throws -> (code: Int32, text: String) {
        let process = Process()
        let pipe = Pipe()
        let command = try #require(Self.command, "membus-simulate is not built")
        process.executableURL = command
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    @Test("a seed gives the same history in two processes")
    func twoProcesses() throws {
        let first = try run("--seed", "7", "--story")
        let second = try run("--seed", "7", "--story")
        #expect(first.code == 0)
        #expect(first.text.contains("fingerprint"))
        #expect(first.text == second.text)
    }

    @Test("whatever the seed, and however sets are ordered in a process", arguments: 1...30)
    func anySeed(seed: Int) throws {
        let (first, second) = (
            try run("--seed", "\(seed)", "--steps", "30"), try run("--seed", "\(seed)", "--steps", "30")
        )
        #expect(first.text.contains("fingerprint"))
        #expect(first.text == second.text)
    }

    @Test("workers share histories and mutants, and the exit code says whether all is as it must be")
    func team() throws {
        let good = try run("--histories", "4", "--mutants", "gap-unnoticed,half-a-commit", "--jobs", "2")
        #expect(good.code == 0, "\(good.text)")
        #expect(good.text.contains("2 of 2 mutants found"))
        #expect(good.text.contains("4 histories of \(Part.usualMoves) moves"))
        // A history with hardly any moves can't show it.
        let bad = try run("--mutants", "gap-unnoticed", "--steps", "1")
        #expect(bad.code == 1)
        #expect(bad.text.contains("NOT FOUND"))
        #expect(try run("--steps", "many").code == 64)
    }
}
