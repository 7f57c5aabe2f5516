import Glibc

/// Where a packed model is looked for, and put: one for all brokers of a user, unless a data directory has its own.
package enum ModelPlace {
    package static let name = "all-MiniLM-L6-v2.membus"

    /// The user's: `$XDG_CACHE_HOME/membus`, else `~/.cache/membus`; `nil`: the user has no home.
    package static var shared: String? {
        if let named = variable("MEMBUS_MODEL") { return named }
        if let cache = variable("XDG_CACHE_HOME") { return cache + "/membus/" + name }
        return variable("HOME").map { $0 + "/.cache/membus/" + name }
    }

    /// In the order in which a broker looks. A file that `MEMBUS_MODEL` names is the only one; empty, it says that there is to be none.
    package static func candidates(for dataDirectory: String) -> [String] {
        if let named = getenv("MEMBUS_MODEL") { return named.pointee == 0 ? [] : [String(cString: named)] }
        return [dataDirectory + "/" + name] + (shared.map { [$0] } ?? [])
    }

    /// The first of them that is there.
    package static func found(for dataDirectory: String) -> String? {
        candidates(for: dataDirectory).first { access($0, R_OK) == 0 }
    }

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
