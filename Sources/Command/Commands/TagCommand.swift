import ArgumentParser
import Membus
import MembusDocuments

struct TagCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag",
        abstract: "Give a state a name, which keeps it.",
        discussion: """
            What the state shows can be read for as long as the tag is there, whatever is compacted, and though its branch is \
            deleted. Every --at takes the name. A tag is never moved; no branch has its name, and it does not look like a \
            revision or a time.

              membus tag before-the-trip --at 40 --message "last good state"
              membus get plans/lisbon --at before-the-trip
              membus tags
              membus tags delete before-the-trip
            """)

    @Argument(help: ArgumentHelp("The tag's name.", valueName: "name"), transform: { try TagName($0) })
    var name: TagName

    @OptionGroup var state: AtOption
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let (receipt, tagged) = try await options.withMemory(context: write.contextName) { memory in
            let tagged = try await state.state(options, of: memory)
            let at = StateName.branch(tagged.branch, at: tagged.revision)
            // Without --at, the head at the commit.
            let receipt = try await memory.addTag(name, at: state.at == nil ? .now : at, message: write.message)
            return (receipt, tagged)
        }
        let revision = tagged.revision ?? receipt.revision - 1
        if options.json {
            return try Output.standard.line(
                JSONValue.receipt(receipt.token, isCommitted: receipt.isCommitted, branch: tagged.branch)
                    + ["tag": .string(name.text), "at": .integer(revision)])
        }
        try Output.standard.line("revision \(receipt.revision): \(name) is \(tagged.branch) as of revision \(revision)")
    }
}

struct TagsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tags",
        abstract: "List the tags; show or delete one.",
        discussion: """
            One line per tag, in the order of their names: the state that it names, who named it and when. Of one that is older \
            than what else is kept, that it holds history.

              membus tags
              membus tags show before-the-trip
              membus tags delete before-the-trip
            """,
        subcommands: [ListTags.self, ShowTag.self, DeleteTag.self], defaultSubcommand: ListTags.self)

    // Accepted before the subcommand as well as after it.
    @OptionGroup(title: "Global options") var options: GlobalOptions
}

struct ListTags: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the tags.")

    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let tags = try await options.withMemory { try await $0.tags() }
        try Output.standard.tell(tags, options)
    }
}

struct ShowTag: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Tell what a tag names.", discussion: "Exits with 4 if there is none.")

    @Argument(help: ArgumentHelp("The tag.", valueName: "name"), transform: { try TagName($0) })
    var name: TagName
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let tag = try await options.withMemory { try await $0.tag(name) }
        try Output.standard.tell([tag], options)
    }
}

struct DeleteTag: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Take a tag away.",
        discussion: "What only the tag has kept is compacted. Exits with 4 if there is none.")

    @Argument(help: ArgumentHelp("The tag.", valueName: "name"), transform: { try TagName($0) })
    var name: TagName
    @OptionGroup var write: WriteOptions
    @OptionGroup(title: "Global options") var options: GlobalOptions

    func run() async throws {
        let receipt = try await options.withMemory(context: write.contextName) {
            try await $0.deleteTag(name, message: write.message)
        }
        try options.printReceipt(receipt)
    }
}

extension Output {
    fileprivate func tell(_ tags: [TagInfo], _ options: GlobalOptions) throws {
        if options.json {
            for tag in tags { try line(JSONValue.tag(tag)) }
            return
        }
        let names = tags.map { Human.name($0.name.text, onTerminal: isTerminal) }
        let states = tags.map { "\(Human.name($0.branch.text, onTerminal: isTerminal))@\($0.revision)" }
        let agents = tags.map { $0.agent.escapingControlCharacters }
        func width(_ column: [String]) -> Int { column.map(\.count).max() ?? 0 }
        for (index, tag) in tags.enumerated() {
            var text = Human.padded(names[index], width(names)) + "   " + Human.padded(states[index], width(states))
            text += "   \(tag.time.shown)   \(Human.padded(agents[index], width(agents)))"
            text += "   \(tag.message.escapingControlCharacters)"
            if tag.holdsHistory { text += "   holds history" }
            try line(text)
        }
    }
}
