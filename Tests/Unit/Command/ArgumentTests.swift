import ArgumentParser
import Foundation
import Membus
import MembusBroker
import MembusStore
import Testing

@testable import MembusCommand

@Suite("Arguments") struct ArgumentTests {
    @Test(
        "lengths of time",
        arguments: [
            ("500ms", 500), ("10s", 10_000), ("10m", 600_000), ("1h30m", 5_400_000), ("7d", 604_800_000),
            ("2w", 1_209_600_000), ("30", 30_000),
            ("0s", 0),
        ] as [(String, Int64)]) func spans(_ text: String, _ milliseconds: Int64)
    {
        #expect(Span(parsing: text)?.duration == .milliseconds(milliseconds))
    }

    @Test(
        "what is no length of time",
        arguments: ["", "h", "1x", "1.5h", "-1s", "+1s", "1 h", "99999999999999999999s", "9223372036854775807w", "١s"])
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
        let digest = try #require(
            try Root.parseAsRoot(["--json", "debug", "digest", "a/", "--timeout", "5s"]) as? DigestCommand)
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
                "put", "k", "v", "--if-absent", "--attribute", "a=b=c", "--attribute", "d=", "--link", "of=x/y",
                "--expires", "10m",
            ]) as? PutCommand)
        #expect(try Pair.attributes(full.attribute) == ["a": "b=c", "d": ""])
        #expect(full.link == [Link(relation: "of", target: key("x/y"))])
        #expect(full.expires?.duration == .seconds(600))
    }

    @Test(
        "wrong usage is the parser's error",
        arguments: [
            ["put"], ["put", "a//b", "x"], ["put", "k", "v", "--if-absent", "--if-revision", "3"],
            ["get", "k", "--at", "-1"],
            ["nonsense"], ["get", "k", "--nonsense"], ["put", "k", "v", "--attribute", "novalue"], ["watch"],
            ["--broker", "host", "get", "k"],
            ["--branch", "a/b", "get", "k"], ["put", "k", "v", "--expires", "soon"], ["verify", "f", "--data", "d"],
            ["serve", "--listen", "7401"],
        ]) func usage(_ arguments: [String])
    {
        let error = #expect(throws: (any Error).self) { try Root.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(Root.isOfTheParser(error))
        #expect(Root.exitCode(for: error) != .success)
    }

    @Test(
        "asking for help or the version is no error",
        arguments: [["--help"], ["--version"], ["put", "--help"], ["help", "commit"]])
    func help(_ arguments: [String]) throws {
        do {
            var command = try Root.parseAsRoot(arguments)
            try command.run()
            Issue.record("it ran")
        } catch { #expect(Root.exitCode(for: error) == .success) }
    }

    @Test("every command's help shows an example or says what it prints") func helps() {
        for command in [
            PutCommand.self, GetCommand.self, ListCommand.self, RemoveCommand.self, CommitCommand.self,
            WatchCommand.self, LogCommand.self,
            HistoryCommand.self, BlameCommand.self, BisectCommand.self, ForkCommand.self, BranchesCommand.self,
            ImportCommand.self, ExportCommand.self,
            WarmCommand.self,
            ServeCommand.self, StatusCommand.self, CompactCommand.self, BackupCommand.self, RestoreCommand.self,
            VerifyCommand.self, ReindexCommand.self, SearchCommand.self, RecallCommand.self, GraphCommand.self,
            SQLCommand.self,
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
        for (text, commandError) in [
            (#"{"dataDir":"x"}"#, "dataDir: unknown field"),
            (#"{"limits":{"keyBytes":4096}}"#, "limits.keyBytes: a number from 1 to 1024"),
            (#"{"heartbeat":250}"#, "heartbeat: a length of time"), (#"{"requests":[]}"#, "requests: at least one"),
            (#"{"requests":["udp://x"]}"#, "requests[0]: write tcp://"),
            (#"{"readers":0}"#, "readers: a number from 1"),
            (#"{"advertisedEvents":["tcp://h:65536"]}"#, "advertisedEvents[0]: the port"),
            (#"{"readers":1,"readers":2}"#, #"not JSON: the member "readers" is there twice"#),
            (#"{"dataDirectory":"~ada/m"}"#, "dataDirectory: only ~/ is known"),
            (#"{"dataDirectory":""}"#, "dataDirectory: the name is empty"),
            (#"{"insecure":1}"#, "insecure: true or false"),
            (#"{"retention":{"days":1}}"#, "retention.days: unknown field"),
            (#"{"limits":{"valueBytes":20000000}}"#, "limits: valueBytes is 20000000, more than a whole transaction"),
            (#"{"limits":{"transactionBytes":1000}}"#, "limits: valueBytes is 4194304, more than a whole transaction"),
        ] {
            guard case .failure(let fault) = ConfigurationFile.read(Data(text.utf8), over: defaults) else {
                Issue.record("\(text) was taken")
                continue
            }
            #expect(fault.description.hasPrefix(commandError), "\(fault)")
        }
    }

    @Test(
        "endpoints that ZeroMQ would take for others are refused",
        arguments: [
            ("tcp://h:1", true, true), ("tcp://[::1]:65535", true, true), ("ipc:///s", true, true),
            ("tcp://*:*", true, false),
            ("tcp://*:0", true, false), ("tcp://*:7401", true, false), ("tcp://h:65536", false, false),
            ("tcp://h", false, false),
            ("tcp://:1", false, false), ("tcp://h:", false, false), ("tcp://h:+1", false, false),
            ("tcp://[::1]", false, false), ("tcp://::1:7401", false, false), ("tcp://[::]:7401", true, false),
            ("tcp://[fe80::1%eth0]:7401", true, true), ("tcp://[fe80::1]:7401", false, false),
            ("tcp://[fe80::1%]:7401", false, false), ("tcp://[::g]:1", false, false),
            ("ipc:///" + String(repeating: "x", count: 106), true, true),
            ("ipc:///" + String(repeating: "x", count: 107), false, false),
            ("ipc://", false, false), ("udp://h:1", false, false),
        ]) func endpoints(_ url: String, _ listens: Bool, _ isReached: Bool)
    {
        #expect((Endpoint.fault(url, .listening) == nil) == listens)
        #expect((Endpoint.fault(url, .reaching) == nil) == isReached)
    }

    @Test("the help's sample of a configuration names all there is, and is the defaults")
    func sample() throws {
        let help = ServeCommand.helpMessage(columns: 200)
        let start = try #require(help.range(of: "{\"dataDirectory\""))
        let end = try #require(help.range(of: "\"readers\": 2}"))
        let text = Data(help[start.lowerBound..<end.upperBound].utf8)
        let defaults = Configuration(dataDirectory: "/var/lib/membus")
        var odd = defaults
        odd.limits = Limits()
        for limit in [
            \Limits.keyBytes, \.valueBytes, \.changesPerTransaction, \.transactionBytes, \.annotationBytes,
            \.messageBytes, \.nameBytes,
            \.keysPerRequest, \.topicsPerFilter,
        ] { odd.limits[keyPath: limit] = 1 }
        odd.retention = Retention(age: .seconds(1), bytes: 1, least: .seconds(1))
        (odd.heartbeat, odd.inlineValueBytes, odd.eventBytes, odd.eventMark, odd.replyMark) = (.seconds(1), 1, 1, 1, 1)
        (odd.writesWaiting, odd.writeBytesWaiting, odd.readsWaiting, odd.readers) = (1, 1, 1, 1)
        odd.isInsecure = true
        let read = try ConfigurationFile.read(text, over: odd).get()
        #expect(read.limits == defaults.limits)
        #expect(read.retention == defaults.retention)
        #expect(read.requests == defaults.requests && read.events == defaults.events)
        #expect(read.heartbeat == defaults.heartbeat && read.inlineValueBytes == defaults.inlineValueBytes)
        #expect(read.eventBytes == defaults.eventBytes && read.eventMark == defaults.eventMark)
        #expect(read.replyMark == defaults.replyMark && read.writesWaiting == defaults.writesWaiting)
        #expect(read.writeBytesWaiting == defaults.writeBytesWaiting && read.readsWaiting == defaults.readsWaiting)
        #expect(read.readers == defaults.readers && read.isInsecure == defaults.isInsecure)
    }

    @Test(
        "a path is what it says: only ~ stands for something else, and a file is no directory",
        arguments: [
            ("x", "x", "x"), ("./~", "./~", "./~"), ("a/~/b", "a/~/b", "a/~/b"), ("~", "/h", "/h"),
            ("~/x", "/h/x", "/h/x"), ("-", "-", "-"), ("file:x", "file:x", "file:x"), ("x/", nil, "x/"),
            ("~/", nil, "/h/"), ("", nil, nil), ("~other/x", nil, nil), ("~x", nil, nil), ("a\0b", nil, nil),
        ] as [(String, String?, String?)])
    func paths(_ text: String, _ file: String?, _ directory: String?) throws {
        func placed(_ path: String?) throws -> String? {
            try path.map { $0.hasPrefix("/h") ? try LocalPath.home() + $0.dropFirst(2) : $0 }
        }
        #expect(try (try? LocalPath.file(text))?.path == placed(file))
        #expect(try (try? LocalPath.directory(text))?.path == placed(directory))
    }

    @Test("$HOME says where the home directory is, else the password file") func home() throws {
        #expect(try LocalPath.home(environment: ["HOME": "/somewhere/"]) == "/somewhere")
        #expect(try LocalPath.home(environment: ["HOME": "/"]) == "")
        let own = try #require(getpwuid(geteuid())?.pointee.pw_dir)
        #expect(try LocalPath.home(environment: [:]) == String(cString: own))
        #expect(try LocalPath.home(environment: ["HOME": "relative"]) == String(cString: own))
    }

    @Test(
        "nothing but a clear yes opens a broker to others",
        arguments: [
            ("1", true), ("true", true), ("yes", true), ("0", false), ("no", false), ("false", false), ("", false),
        ])
    func insecure(_ text: String, _ isInsecure: Bool) throws {
        #expect(try ServeCommand.environmentIsInsecure(["MEMBUS_INSECURE": text]) == isInsecure)
        #expect(try !ServeCommand.environmentIsInsecure([:]))
        #expect(throws: ValidationError.self) { try ServeCommand.environmentIsInsecure(["MEMBUS_INSECURE": "on"]) }
    }

    @Test(
        "events are beside the requests unless told otherwise",
        arguments: [
            ("tcp://127.0.0.1:7401", "tcp://127.0.0.1:7402"), ("tcp://*:*", "tcp://*:*"),
            ("ipc:///run/m", "ipc:///run/m.events"),
            ("tcp://[::1]:7401", "tcp://[::1]:7402"), ("tcp://h:65535", "tcp://h:*"),
        ]) func events(_ requests: String, _ events: String)
    {
        #expect(ConfigurationFile.events(besides: requests) == events)
    }
}
