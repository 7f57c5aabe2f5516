import ArgumentParser
import Membus
import MembusDocuments

struct BranchesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "branches",
        abstract: "List the branches.",
        discussion: "One line per branch: its name, and where it was forked from.")

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let output = Output.standard
        for branch in try await options.withMemory({ try await $0.branches() }) {
            if options.json {
                try output.line(JSONValue.branch(branch))
            } else if let parent = branch.parent {
                try output.line("\(branch.name)  from \(parent) at revision \(branch.forkRevision)")
            } else {
                try output.line("\(branch.name)")
            }
        }
    }
}
