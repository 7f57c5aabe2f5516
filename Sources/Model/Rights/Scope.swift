/// What of the memory somebody may see and change. It travels with look-ups, writes and pulls, and is part of a
/// stream's definition: those with equal scopes share a stream, whoever they are.
package enum Scope: Hashable, Sendable {
    case everything
}
