import ArgumentParser
import FoundationEssentials

/// In whose name something is read.
struct ReadOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The run, task or conversation that it is read in: the read goes on record. (default: MEMBUS_CONTEXT, else none, and no record)",
            valueName: "name"))
    var context: String?

    var contextName: String { context ?? ProcessInfo.processInfo.environment["MEMBUS_CONTEXT"] ?? "" }
}
