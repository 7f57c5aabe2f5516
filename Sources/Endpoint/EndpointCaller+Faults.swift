import MembusModel
import MembusSystem

// A setback, told to a person, with the time of the next try.

extension EndpointCaller {
    func fault(for setback: Setback, text: Int?) -> EndpointFault {
        let (kind, what, hint, cause) = told(setback)
        let retry = cause.map { pace.pause(after: $0) }
        return EndpointFault(
            kind: kind, message: "the endpoint \(endpoint.place) \(what)", hint: hint, retry: retry, text: text)
    }

    private typealias Told = (EndpointFault.Kind, what: String, hint: String, RetryPace.Cause?)

    private func told(_ setback: Setback) -> Told {
        let soon = RetryPace.Cause.passing(asked: nil)
        switch setback {
        case .noLibrary(let why):
            return (.noLibrary, "can't be asked: \(why)", "install libcurl, Debian's package libcurl4", .lasting)
        case .cancelled: return (.cancelled, "was not waited for", "ask again if the vectors are still wanted", nil)
        case .timedOut(let error):
            return (
                .timedOut, "did not answer in time: \(error)", "see whether it is overloaded; it is tried again", soon
            )
        case .untrusted(let error):
            return (
                .unreachable, "has a certificate that is not trusted: \(error)",
                "have this machine trust its authority (update-ca-certificates, or SSL_CERT_FILE), or correct the URL",
                soon
            )
        case .broken(let error):
            return (
                .unreachable, "can't be reached: \(error)",
                "see whether it runs and the URL is right; it is tried again",
                soon
            )
        case .tooLarge:
            return (
                .lying, "answers with more than its vectors can need", "see whether the URL is that of embeddings",
                .lasting
            )
        case .unreadable(let what, let words):
            return (
                .failing, "can't be understood: \(what)\(quoted(words))",
                "see whether the URL is that of embeddings as OpenAI has them", soon
            )
        case .lie(let what):
            return (
                .lying, "gives vectors that can't be right: \(what)",
                "see whether it serves \(endpoint.model) as before, and its dimensions are the ones that are configured",
                .lasting
            )
        case .status(let status, let words, let retryAfter, let location):
            return told(status, words, RetryAfter.wait(retryAfter, now: .now), location)
        }
    }

    private func told(_ status: Int, _ words: String, _ asked: Duration?, _ location: String) -> Told {
        let answer = "(HTTP \(status))\(quoted(words))"
        switch status {
        case 429, 503:
            return (
                .busy, "wants to be left alone for now \(answer)", "it is tried again; see its limits if this lasts",
                .passing(asked: asked)
            )
        case 408, 425, 500...:
            return (
                .failing, "failed \(answer)", "it is tried again; see its log if this lasts", .passing(asked: asked)
            )
        case 300..<400:
            let target = location.isEmpty ? "elsewhere" : "to \(location)"
            return (
                .refused, "sends us \(target) \(answer), where the key does not follow",
                "give the URL that it means, if it is to be trusted", .lasting
            )
        case 401, 403:
            let key = endpoint.key == nil ? "wants a key" : "does not accept the key"
            return (.refused, "\(key) \(answer)", "give a key that may use \(endpoint.model)", .lasting)
        case 404, 405:
            return (
                .refused, "is not there, or has no model \(endpoint.model) \(answer)", "correct the URL or the model",
                .lasting
            )
        default:
            return (
                .refused, "refuses the request \(answer)",
                "see whether it has the model \(endpoint.model)"
                    + (endpoint.dimensions.map { " with \($0) dimensions" } ?? "") + ", and takes texts this long",
                .lasting
            )
        }
    }

    private func quoted(_ words: String) -> String { words.isEmpty ? "" : ": \(words)" }
}
