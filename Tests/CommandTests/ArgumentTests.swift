import ArgumentParser
import Foundation
import Membus
import MembusBroker
import Testing

@testable import MembusCommand

@Suite("Arguments") struct ArgumentTests {
    @Test("lengths of time", arguments: [
        ("500ms", 500), ("10s", 10_000), ("10m", 600_000), ("1h30m", 5_400_000), ("7d", 604_800_000), ("2w", 1_209_600_000), ("30", 30_000),
        ("0s", 0),
    ] as [(String, Int64)]) func spans(_ text: String, _ milliseconds: Int64) {
        #expect(Span(parsing: text)?.duration == .milliseconds(milliseconds))
    }

    @Test("what is no length of time", arguments: ["", "h", "1x", "1.5h", "-1s", "+1s", "1 h", "99999999999999999999s", "9223372036854775807w", "١s"])
    func noSpans(_ text: String) { #expect(Span(parsing: text) == nil) }

    @Test("moments") func moments() {
        let now = Timestamp(milliseconds: 1_800_000_000_000)
        #expect(Moment("2h", now: now)?.timestamp.milliseconds == 1_799_992_800_000)
        #expect(Moment("1700000000123", now: now)?.timestamp.milliseconds == 1_700_000_000_123)
        #expect(Moment("2026-03-01", now: now)?.timestamp.milliseconds == 1_772_323_200_000)
        #expect(Moment("2026-03-01T12:00:00Z", now: now)?.timestamp.milliseconds == 1_772_366_400_000)
        #expect(Moment("2026-03-01T12:00:00.250Z", now: now)?.timestamp.milliseconds == 1_772_366_400_250)
        #expect(Moment("yesterday", now: now) == nil)
    }

    @Test("global options are taken before and after the command") func globals() throws {
        for arguments in [
            ["--json", "--broker", "tcp://h:1", "--branch", "b", "get", "a/b"],
            ["get", "a/b", "--json", "--broker", "tcp://h:1", "--branch", "b"],
            ["--json", "--branch=b", "get", "--broker", "tcp://h:1", "a/b"],
        ] {
            let command = try #require(try Root.parseAsRoot(arguments) as? GetCommand)
            #expect(command.options.json)
            #expect(command.options.brokerURL == "tcp://h:1")
            #expect(command.options.branchName.text == "b")
            #expect(command.key == key("a/b"))
        }
        let digest = try #require(try Root.parseAsRoot(["--json", "debug", "digest", "a/", "--timeout", "5s"]) as? DigestCommand)
        #expect(digest.options.json)
        #expect(digest.options.timeout?.duration == .seconds(5))
    }

    @Test("values may look like anything") func values() throws {
        let dash = try #require(try Root.parseAsRoot(["put", "k", "-"]) as? PutCommand)
        #expect(dash.value == "-")
        let negative = try #require(try Root.parseAsRoot(["put", "k", "--kind", "counter", "--", "-5"]) as? PutCommand)
        #expect(negative.value == "-5")
        let full = try #require(
            try Root.parseAsRoot([
                "put", "k", "v", "--if-absent", "--attribute", "a=b=c", "--attribute", "d=", "--link", "of=x/y", "--expires", "10m",
            ]) as? PutCommand)
        #expect(try Pair.dictionary(full.attribute) == ["a": "b=c", "d": ""])
        #expect(full.link == [Link(relation: "of", target: key("x/y"))])
        #expect(full.expires?.duration == .seconds(600))
    }

    @Test("wrong usage is the parser's error", arguments: [
        ["put"], ["put", "a//b", "x"], ["put", "k", "v", "--if-absent", "--if-revision", "3"], ["get", "k", "--at", "-1"],
        ["nonsense"], ["get", "k", "--nonsense"], ["put", "k", "v", "--attribute", "novalue"], ["watch"], ["--broker", "host", "get", "k"],
        ["--branch", "a/b", "get", "k"], ["put", "k", "v", "--expires", "soon"], ["verify", "f", "--data", "d"], ["serve", "--listen", "7401"],
    ]) func usage(_ arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Root.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(Root.isOfTheParser(error))
        #expect(Root.exitCode(for: error) != .success)
    }

    @Test("asking for help or the version is no error", arguments: [["--help"], ["--version"], ["put", "--help"], ["help", "commit"]])
    func help(_ arguments: [String]) throws {
        do {
            var command = try Root.parseAsRoot(arguments)
            try command.run()
            Issue.record("it ran")
        } catch { #expect(Root.exitCode(for: error) == .success) }
    }

    @Test("every command's help shows an example or says what it prints") func helps() {
        for command in [
            PutCommand.self, GetCommand.self, ListCommand.self, RemoveCommand.self, CommitCommand.self, WatchCommand.self, LogCommand.self,
            HistoryCommand.self, ForkCommand.self, BranchesCommand.self, ImportCommand.self, ExportCommand.self, WarmCommand.self,
            ServeCommand.self, StatusCommand.self, CompactCommand.self, BackupCommand.self, RestoreCommand.self, VerifyCommand.self,
            DigestCommand.self,
        ] as [any ParsableCommand.Type] {
            #expect(!command.configuration.discussion.isEmpty, "\(command)")
            #expect(!command.configuration.abstract.isEmpty, "\(command)")
        }
    }

    @Test("a configuration's names are the type's, and unknown ones are refused") func configuration() throws {
        let defaults = Configuration(dataDirectory: "d")
        let read = try ConfigurationFile.read(
            Data(
                #"{"dataDirectory":"/x","requests":["tcp://*:7500","ipc:///s"],"retention":{"age":"1d","bytes":5,"least":"1m"},"limits":{"valueBytes":9},"heartbeat":"100ms","readers":3}"#
                    .utf8), over: defaults
        ).get()
        #expect(read.dataDirectory == "/x")
        #expect(read.events == ["tcp://*:7501", "ipc:///s.events"])
        #expect(read.retention.age == .seconds(86_400))
        #expect(read.limits.valueBytes == 9)
        #expect(read.heartbeat == .milliseconds(100))
        #expect(read.readers == 3)
        for (text, complaint) in [
            (#"{"dataDir":"x"}"#, "dataDir: unknown field"), (#"{"limits":{"keyBytes":4096}}"#, "limits.keyBytes: a number from 1 to 1024"),
            (#"{"heartbeat":250}"#, "heartbeat: a length of time"), (#"{"requests":[]}"#, "requests: at least one"),
            (#"{"requests":["udp://x"]}"#, "requests[0]: tcp://"), (#"{"readers":0}"#, "readers: a number from 1"),
            (#"{"retention":{"days":1}}"#, "retention.days: unknown field"),
        ] {
            guard case .failure(let fault) = ConfigurationFile.read(Data(text.utf8), over: defaults) else {
                Issue.record("\(text) was taken")
                continue
            }
            #expect(fault.description.hasPrefix(complaint), "\(fault)")
        }
    }

    @Test("events are beside the requests unless told otherwise", arguments: [
        ("tcp://127.0.0.1:7401", "tcp://127.0.0.1:7402"), ("tcp://*:*", "tcp://*:*"), ("ipc:///run/m", "ipc:///run/m.events"),
        ("tcp://[::1]:7401", "tcp://[::1]:7402"), ("tcp://h:65535", "tcp://h:*"),
    ]) func events(_ requests: String, _ events: String) {
        #expect(ConfigurationFile.events(besides: requests) == events)
    }
}
