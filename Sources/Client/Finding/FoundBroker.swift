import MembusBus
import MembusSystem

// Which broker is meant: one rule for every door, from the Swift library to Python.
//
//   1. what the caller says
//   2. MEMBUS_BROKER
//   3. the broker of the data directory (MEMBUS_DATA, else ~/.membus), which says in a file there where it listens
//   4. tcp://127.0.0.1:7401
//   5. where the door may, and nobody listens there either: one that is started on that directory (BrokerStart)
//
// Nobody is asked anything by the protocol: whether who is found answers is what connecting shows.

/// The broker that is meant, and why this one.
package struct FoundBroker: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        case said
        /// By `MEMBUS_BROKER`.
        case environment
        /// It has this data directory.
        case hasDirectory(String)
        /// Where brokers are by default.
        case usual
        /// It was started just now, on this data directory.
        case started(in: String)
    }

    package let url: String
    package let reason: Reason

    package static let usual = "tcp://127.0.0.1:7401"

    package init(_ url: String, _ reason: Reason) {
        self.url = url
        self.reason = reason
    }

    /// By the rule, without starting one.
    /// - Parameter environment: the process's.
    package static func find(said: String? = nil, in environment: [String: String]) -> FoundBroker {
        known(said: said, in: environment) ?? FoundBroker(usual, .usual)
    }

    /// By the rule; where nobody is, one is started.
    /// - Parameter start: makes sure that a broker has the directory, and returns where it takes requests.
    package static func find(
        said: String? = nil, in environment: [String: String], orStart start: (String) throws -> String
    ) throws -> FoundBroker {
        if let known = known(said: said, in: environment) { return known }
        if Listener.isThere(usual) { return FoundBroker(usual, .usual) }
        guard let directory = DataDirectoryRule.path(in: environment) else {
            throw MembusError.file(
                path: DataDirectoryRule.usual, problem: "there is no home directory: set HOME, or MEMBUS_DATA")
        }
        return FoundBroker(try start(directory), .started(in: directory))
    }

    private static func known(said: String?, in environment: [String: String]) -> FoundBroker? {
        if let said, !said.isEmpty { return FoundBroker(said, .said) }
        if let named = environment["MEMBUS_BROKER"], !named.isEmpty { return FoundBroker(named, .environment) }
        guard let directory = DataDirectoryRule.path(in: environment),
            let endpoint = BrokerFiles(directory).endpoints.first
        else { return nil }
        return FoundBroker(endpoint, .hasDirectory(directory))
    }
}
