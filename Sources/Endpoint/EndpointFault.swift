import MembusModel

/// Why an endpoint gave no vectors. Neither text holds the key.
package struct EndpointFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Hashable, Sendable {
        /// libcurl is not there.
        case noLibrary
        /// There was no connection, or it broke.
        case unreachable
        case timedOut
        /// It wants to be left alone for a while.
        case busy
        /// It has a fault of its own, or answers in another language.
        case failing
        /// It does not do this for us: another key, model, address or text is needed.
        case refused
        /// It answers, with what can't be true.
        case lying
        /// Whoever asked wants it no more.
        case cancelled
    }

    package let kind: Kind
    /// What happened, at which endpoint.
    package let message: String
    /// What to do next.
    package let hint: String
    /// How long to wait before the next try; `nil`: nobody wants one.
    package let retry: Duration?
    /// The place of a text that the endpoint refuses, while it takes another: those before it have their vectors, and without it
    /// the rest may go through.
    package let text: Int?

    package var description: String { "\(message); \(hint)" }
}
