import CEndpoint
import FoundationEssentials
import MembusModel

/// How a request failed, before it is told to anybody.
enum Setback: Error {
    case noLibrary(String)
    case cancelled
    case timedOut(String)
    case untrusted(String)
    case broken(String)
    case tooLarge
    /// A status other than 2xx.
    case status(Int, words: String, retryAfter: String, location: String)
    case unreadable(String, words: String)
    case lie(String)

    /// - Returns: `nil`: there is an answer to be read.
    init?(_ outcome: membus_post_outcome, _ post: HTTPPost, hiding key: String?) {
        if outcome == membus_post_cancelled {
            self = .cancelled
            return
        }
        // Who is told no may find the rest missing: some close before all was sent.
        guard 200..<300 ~= post.status || post.status == 0 else {
            self = .status(
                post.status, words: post.withBody { RefusalText.words(in: $0, hiding: key) },
                retryAfter: post.retryAfter, location: RefusalText.shown(Self.place(post.location), hiding: key))
            return
        }
        let error = RefusalText.shown(post.error, hiding: key)
        switch outcome {
        case membus_post_answered: return nil
        case membus_post_timed_out: self = .timedOut(error)
        case membus_post_too_large: self = .tooLarge
        case membus_post_untrusted: self = .untrusted(error)
        default: self = .broken(error)
        }
    }

    init(_ fault: EmbeddingReply.Fault, saying words: String) {
        switch fault {
        case .unreadable(let what): self = .unreadable(what, words: words)
        case .lie(let what): self = .lie(what)
        }
    }

    var status: Int? { if case .status(let status, _, _, _) = self { status } else { nil } }

    /// Whether fewer texts may fare better.
    var mayBeOneText: Bool { status == 400 || status == 413 || status == 422 }

    /// Without the query.
    private static func place(_ location: String) -> String {
        String(location.prefix { $0 != "?" && $0 != "#" })
    }
}
