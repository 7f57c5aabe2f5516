import Foundation
import Testing

/// The real executable against a real broker.
@Suite("The command line", .serialized)
struct CommandLineTests {
    @Test("writes print their revision, and the exit code tells conflict and absence") func writing() throws {
        let broker = try Broker()
        #expect(try broker.run("put", "tasks/7", "me", "--if-absent").out == "revision 1\n")
        let lost = try broker.run("--json", "put", "tasks/7", "you", "--if-absent")
        #expect(lost.code == 3)
        #expect(
            lost.out.contains(#""current":{"key":"tasks/7","revision":1,"kind":"text","value":"me","owner":"tester"}"#))
        #expect(try broker.run("get", "tasks/7").out == "me")
        let none = try broker.run("get", "tasks/8", "--json")
        #expect(none.code == 4)
        #expect(none.out.hasPrefix(#"{"error":{"code":"NOT_FOUND""#))
        #expect(try broker.run("rm", "tasks/7", "--if-revision", "9").code == 3)
        #expect(try broker.run("rm", "tasks/7").out == "revision 2\n")
        #expect(try broker.run("rm", "tasks/7").code == 4)
        #expect(try broker.run("get", "tasks/7", "--at", "1").out == "me")
        #expect(try broker.run("put", "a//b", "x").code == 2)
        #expect(try broker.run("nonsense").code == 2)
        #expect(try broker.run("--version").code == 0)
        #expect(
            try broker.run("commit", "-", input: #"{"changes":[{"key":"n","increment":2},{"key":"m","append":"x"}]}"#)
                .out == "revision 3\n")
        #expect(try broker.run("commit", "-", input: #"{"chnges":[]}"#).code == 2)
        #expect(broker.stop() == 0)
    }

    @Test("watch prints every change once, and SIGTERM ends it with 0") func watching() throws {
        let broker = try Broker()
        for number in 1...3 { _ = try broker.run("put", "a/\(number)", "\(number)") }
        let watch = try broker.start(["watch", "a/", "--from", "1", "--json"], out: broker.path("watch"))
        #expect(watch.until { $0.lines.count == 2 })
        _ = try broker.run("put", "b/1", "other")
        _ = try broker.run("rm", "a/1")
        #expect(watch.until { $0.lines.count == 3 })
        watch.process.terminate()
        watch.process.waitUntilExit()
        #expect(watch.process.terminationStatus == 0)
        #expect(watch.lines.count == 3)
        #expect(watch.lines[0].hasPrefix(#"{"key":"a/2","revision":2,"#))
        #expect(watch.lines[2].hasPrefix(#"{"key":"a/1","revision":5,"deleted":true"#))
    }

    @Test("Ctrl-C ends a watch also where what started it ignores that, as in the background of a shell")
    func backgroundOfAShell() throws {
        let broker = try Broker()
        let before = signal(SIGINT, SIG_IGN)
        defer { _ = signal(SIGINT, before) }
        let watch = try broker.start(["watch", "a/"], out: broker.path("watch"))
        #expect(watch.until { (try? String(contentsOfFile: $0.out + ".err", encoding: .utf8))?.isEmpty == false })
        kill(watch.process.processIdentifier, SIGINT)
        #expect(watch.until { _ in !watch.process.isRunning })
        if watch.process.isRunning { watch.process.terminate() }
        watch.process.waitUntilExit()
        #expect(watch.process.terminationStatus == 0)
    }

    @Test("an import can be killed and run again, and takes effect once") func importing() throws {
        let broker = try Broker()
        let lines = (1...200).map {
            #"{"changes":[{"key":"count","increment":1},{"key":"last","put":{"value":"\#($0)"}}]}"#
        }
        try lines.joined(separator: "\n").write(toFile: broker.path("tx.jsonl"), atomically: true, encoding: .utf8)
        let killed = try broker.start(["import", broker.path("tx.jsonl")], out: broker.path("import"))
        for _ in 0..<400 {
            if try !broker.run("get", "count").out.isEmpty { break }
            usleep(1000)
        }
        kill(killed.process.processIdentifier, SIGKILL)
        killed.process.waitUntilExit()
        #expect(try broker.run("import", broker.path("tx.jsonl")).code == 0)
        #expect(try broker.run("get", "count").out == "200")
        let again = try broker.run("import", broker.path("tx.jsonl"), "--json")
        #expect(again.out.contains(#""written":0"#))
        #expect(try broker.run("get", "count").out == "200")
    }

    @Test("what is exported, imported elsewhere and exported again is the same") func exporting() throws {
        let (here, there) = (try Broker(), try Broker())
        _ = try here.run("put", "a", "é\n", "--attribute", "x=1", "--link", "of=b", "--expires", "1h")
        _ = try here.run("put", "b", #"{"a":1.0}"#, "--kind", "json")
        _ = try here.run(
            "commit", "-",
            input: #"{"changes":[{"key":"c","put":{"value_base64":"AP+A","kind":"blob"}},{"key":"d","increment":-3}]}"#)
        let first = try here.run("export")
        try first.out.write(toFile: there.path("e.jsonl"), atomically: true, encoding: .utf8)
        #expect(
            try there.run("import", there.path("e.jsonl")).out == "4 records: 4 written, 0 there already; revision 1\n")
        #expect(try there.run("import", there.path("e.jsonl")).out == "4 records: 0 written, 4 there already\n")
        func plain(_ lines: [String]) -> [String] {
            lines.map { $0.replacing(#/"(revision|ordinal)":\d+,/#, with: "") }
        }
        #expect(plain(try there.run("export").lines) == plain(first.lines))
    }

    @Test("a warm file is made, brought up to date, and refused when damaged or of another history") func warming()
        throws
    {
        let broker = try Broker()
        _ = try broker.run("put", "a/1", "x")
        #expect(
            try broker.run("warm", "a/", "--into", broker.path("w")).out.contains("holds 1 record as of revision 1"))
        _ = try broker.run("put", "a/2", "y")
        #expect(
            try broker.run("warm", "a/", "--into", broker.path("w")).out.contains("holds 2 records as of revision 2"))
        let other = try Broker()
        let strange = try other.run("--json", "warm", "a/", "--into", broker.path("w"))
        #expect(strange.code == 1)
        #expect(strange.out.contains(#""code":"WARM_FILE""#))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: broker.path("w")))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: URL(fileURLWithPath: broker.path("w")))
        #expect(try broker.run("warm", "a/", "--into", broker.path("w")).code == 1)
    }

    @Test("a backup is restored as a new history, and both verify") func backup() throws {
        let broker = try Broker()
        _ = try broker.run("put", "a", "x")
        let file = broker.path("backup")
        #expect(try broker.run("backup", file).code == 0)
        #expect(try broker.run("backup", file).code == 1)
        #expect(try broker.run("backup", file, "--force").code == 0)
        #expect(try broker.run("verify").code == 0)
        #expect(try broker.run("verify", file).code == 0)
        #expect(try broker.run("restore", file, "--data", broker.path("data")).err.contains("in use"))
        #expect(try broker.run("restore", file, "--data", broker.path("new")).code == 0)
        #expect(try broker.run("restore", file, "--data", broker.path("new")).err.contains("--replace"))
        #expect(try broker.run("restore", file, "--data", broker.path("new"), "--replace").code == 0)
        #expect(try broker.run("verify", "--data", broker.path("new")).out.hasPrefix("sound: 1 commit, 1 change,"))
        #expect(try broker.run("debug", "digest").out.hasSuffix("equal\n"))
    }

    @Test("branches, log, history and compaction") func past() throws {
        let broker = try Broker()
        _ = try broker.run("put", "a", "1", "--message", "one", "--context", "trip")
        _ = try broker.run("put", "a", "2", "--agent", "ada")
        #expect(try broker.run("fork", "old", "--at", "1").out == "revision 3: old is main as of revision 1\n")
        #expect(try broker.run("get", "a", "--branch", "old").out == "1")
        #expect(try broker.run("branches").lines == ["main", "old   from main at 1   head 3      0 ahead, 1 behind"])
        #expect(try broker.run("history", "a").lines.count == 2)
        #expect(try broker.run("history", "b").code == 4)
        #expect(try broker.run("log", "a", "--by", "ada", "--json").lines.count == 1)
        #expect(try broker.run("log", "--context", "trip").lines.first?.hasSuffix("tester in trip: one") == true)
        #expect(try broker.run("compact", "--below", "2").out == "floor 2\n")
        let below = try broker.run("--json", "get", "a", "--at", "1")
        #expect(below.code == 1)
        #expect(below.out.contains("BELOW_FLOOR"))
        // What the floor has passed so far is kept for the fork.
        _ = try broker.run("put", "a", "3")
        _ = try broker.run("put", "a", "4")
        #expect(try broker.run("compact", "--below", "5").out == "floor 5\n")
        for (from, code) in [("2", "BELOW_FLOOR"), ("99", "BEYOND_HEAD")] {
            let ended = try broker.run("watch", "a", "--json", "--from", from)
            #expect(ended.code == 1)
            #expect(ended.out.contains(code))
        }
    }

    @Test("a log begins where it is said") func logSince() throws {
        let broker = try Broker()
        _ = try broker.run("put", "a", "1")
        _ = try broker.run("put", "a", "2")
        #expect(
            try broker.run("log", "--since", "1h", "--ascending", "-n", "1").lines.first?.hasPrefix("revision 1 ")
                == true)
    }
}
