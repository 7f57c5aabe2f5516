import ArgumentParser
import FoundationEssentials
import Membus

/// What every command that commits accepts.
struct WriteOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Why: kept with the commit.", valueName: "text"))
    var message = ""

    @Option(
        help: ArgumentHelp(
            "The run, task or conversation that you act in, kept with the commit. (environment: MEMBUS_CONTEXT)",
            valueName: "name"))
    var context: String?

    var contextName: String { context ?? ProcessInfo.processInfo.environment["MEMBUS_CONTEXT"] ?? "" }
}
