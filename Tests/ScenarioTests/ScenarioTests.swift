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

    @Test("every rule that is listed is shown by a scenario, and every scenario shows listed rules")
    func rules() throws {
        try #require(!Scenario.all.isEmpty, "there are no scenarios in \(Scenario.folder.path)")
        let listed = Scenario.listed
        try #require(listed.count > 40)
        let shown = Set(Scenario.all.flatMap(\.rules))
        for rule in listed { #expect(shown.contains(rule), "no scenario shows: \(rule)") }
        for scenario in Scenario.all {
            #expect(!scenario.rules.isEmpty, "\(scenario.name) names no rule")
            for rule in scenario.rules { #expect(listed.contains(rule), "\(scenario.name) shows an unlisted rule: \(rule)") }
        }
    }

    @Test("a transcript that says something else fails, with file, line and what differs")
    func difference() throws {
        let wrong = Scenario(
            name: "wrong.txt", lines: ["machine: session", "> number 1", "< the same result: committed as 9"])
        let differences = try wrong.run().differences
        #expect(differences.count == 1)
        #expect(differences[0].hasPrefix("wrong.txt:2: after \"> number 1\""))
        #expect(differences[0].contains("- < the same result: committed as 9") && differences[0].contains("+ < execute"))
    }
}
