import Foundation
import Testing

@Suite struct ScenarioTests {
    @Test("what comes out is what the transcript says", arguments: Scenario.all.map(\.name))
    func transcript(name: String) throws {
        let scenario = try #require(Scenario.all.first { $0.name == name })
        let (transcript, differences) = try scenario.run()
        if ProcessInfo.processInfo.environment["MEMBUS_REWRITE_SCENARIOS"] != nil {
            let file = Scenario.folder.appendingPathComponent(name)
            try transcript.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
            Issue.record("\(name) was written anew: read it, then run the test")
            return
        }
        for difference in differences { Issue.record(Comment(rawValue: difference)) }
    }

    @Test("the list names each rule's scenarios, all of them and no others; every machine shows listed rules")
    func rules() throws {
        try #require(!Scenario.all.isEmpty, "there are no scenarios in \(Scenario.folder.path)")
        #expect(RuleList.ofReadme.shownBy.count >= 105, "rules have gone from the list")
        for difference in try RuleList.ofReadme.differences(from: Scenario.all) {
            Issue.record(Comment(rawValue: difference))
        }
    }

    @Test("a transcript that says something else fails, with file, line and what differs")
    func difference() throws {
        let wrong = Scenario(
            name: "wrong.txt", lines: ["machine: session", "> number 1", "< the same result: committed as 9"])
        let differences = try wrong.run().differences
        #expect(differences.count == 1)
        #expect(differences[0].hasPrefix("wrong.txt:2: after \"> number 1\""))
        #expect(differences[0].contains("- < the same result: committed as 9"))
        #expect(differences[0].contains("+ < execute"))
    }

    @Test(
        "a line that is none of a transcript, or stands where it says nothing, is refused",
        arguments: [
            ["machine: session", "< execute"], ["> number 1", "machine: session"], ["machine: session", ">number 1"],
            ["machine: session", "> number 1", "# words", "< execute"], ["machine: session", "rule: a", "> number 1"],
            ["machine: session", "> number 1", "< execute", "rule: a"], ["# nothing"],
        ])
    func unreadable(lines: [String]) {
        #expect(throws: Unreadable.self) { try Scenario(name: "wrong.txt", lines: lines).run() }
    }

    @Test("a list that names other scenarios than show the rule fails, as does a machine that shows none")
    func wrongList() throws {
        let one = Scenario(name: "one.txt", lines: ["rule: a", "machine: session", "> number 1", "< execute"])
        let none = Scenario(name: "none.txt", lines: ["machine: session", "> number 1"])
        #expect(try RuleList("- a\n    one").differences(from: [one]).isEmpty)
        let named = RuleList("- a\n    one, two")
        #expect(try named.differences(from: [one]) == ["listed under one, two, shown by one: a"])
        #expect(try RuleList("- b\n    one").differences(from: [one]).count == 2)
        #expect(try RuleList("- a\n- a\n    one").differences(from: [one]) == ["no scenario stands under: a"])
        #expect(try RuleList("").differences(from: [none]).count == 2)
    }
}
