/// Why a model cannot be used, or made.
package struct MeaningError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable {
        /// There is no such file, or it cannot be read or written.
        case unreadable
        /// The file is something else.
        case foreign
        /// The file was written by a newer version of Membus.
        case newerVersion
        /// The file fails its checks.
        case damaged
    }

    package var kind: Kind
    /// What happened, to which file.
    package var message: String
    /// What to do next.
    package var hint: String

    package init(_ kind: Kind, _ message: String, hint: String) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }

    package var description: String { "\(message); \(hint)" }
}
