import CEndpoint
import FoundationEssentials
import MembusModel

// Texts to vectors, in requests that an endpoint can bear:
//
//   1. The next texts are taken, as many as the bounds allow.
//   2. They go in one request. What comes back is read whole, checked and put in order, or it is a fault.
//   3. If the endpoint can't bear so many (413), or refuses one of them (400, 422), half of them are tried: down to the
//      one that it refuses. Whether it is that text's fault, another text tells.
//   4. If it was too slow, half as many are asked for from the next call on, and with each answer one more again.
//
// Vectors have the same dimensions for as long as a caller lives: from an endpoint that changes its model under the same
// name, nothing is taken.

/// What one request may be.
package struct EndpointBounds: Hashable, Sendable {
    package var texts = 64
    /// Of texts; one that is longer goes alone.
    package var bytes = 256 << 10
    /// Until the answer is there, all of it.
    package var whole = Duration.seconds(60)
    package var connecting = Duration.seconds(10)

    package init() {}
}

/// Asks one endpoint, for one thread at a time; keeps its connections, and how it fared.
package final class EndpointCaller {
    package let endpoint: EmbeddingEndpoint
    /// Of each vector; `nil`: not known yet.
    package private(set) var dimensions: Int?
    let bounds: EndpointBounds
    var pace = RetryPace()
    private var post: HTTPPost?
    /// Of texts, what the endpoint takes at once, and what it answers in time.
    private var (most, quick): (Int, Int)

    /// - Parameter dimensions: those of vectors that it gave before, if there are any.
    package init(_ endpoint: EmbeddingEndpoint, dimensions: Int? = nil, bounds: EndpointBounds = EndpointBounds()) {
        self.endpoint = endpoint
        self.dimensions = endpoint.dimensions ?? dimensions
        self.bounds = bounds
        most = max(1, bounds.texts)
        quick = most
    }

    /// - Parameters:
    ///   - vectors: gets for each text its vector, as the endpoint gave it: of any length but 0. After a fault it has got those of
    ///     the texts before.
    ///   - cancelled: asked ten times a second, on this thread.
    package func embed(
        _ texts: [String], into vectors: inout [[Float]], cancelled: @escaping @Sendable () -> Bool = { false }
    ) throws(EndpointFault) {
        var (next, atMost) = (0, min(most, quick))
        while next < texts.count {
            let batch = texts[next..<end(of: texts, from: next, atMost: atMost)]
            do throws(Setback) {
                vectors += try request(batch, cancelled)
                next = batch.endIndex
                quick = min(quick + 1, most)
            } catch {
                if error.mayBeOneText, batch.count > 1 {
                    atMost = batch.count / 2
                    if error.status == 413 { most = atMost }
                    continue
                }
                if case .timedOut = error { quick = max(1, batch.count / 2) }
                let isItsText = error.mayBeOneText && takesAnother(cancelled)
                throw fault(for: error, text: isItsText ? next : nil)
            }
        }
        if !texts.isEmpty { pace.reset() }
    }

    private func end(of texts: [String], from start: Int, atMost: Int) -> Int {
        var (end, bytes) = (start + 1, EmbeddingRequest.bytes(of: texts[start]))
        while end < texts.count, end - start < atMost {
            bytes += EmbeddingRequest.bytes(of: texts[end])
            if bytes > bounds.bytes { break }
            end += 1
        }
        return end
    }

    /// Whether the endpoint is well but for the text that it refused.
    private func takesAnother(_ cancelled: @escaping @Sendable () -> Bool) -> Bool {
        (try? request(["hello"], cancelled)) != nil
    }

    private func request(
        _ texts: ArraySlice<String>, _ cancelled: @escaping @Sendable () -> Bool
    ) throws(Setback) -> [[Float]] {
        let post = try opened()
        defer { post.forgetBody() }
        let request = EmbeddingRequest(endpoint: endpoint, texts: texts)
        let bounds = HTTPPost.Bounds(
            whole: bounds.whole, connecting: bounds.connecting,
            // A number takes some 20 characters, and up to 64 where each has an indented line of its own.
            answer: min(32 << 20, 65_536 + texts.count * (dimensions ?? EmbeddingEndpoint.mostDimensions) * 64))
        let outcome = post.send(
            request.body, to: endpoint.url, headers: request.headers, bounds: bounds, cancelled: cancelled)
        if let setback = Setback(outcome, post, hiding: endpoint.key) { throw setback }
        let vectors = post.withBody { [dimensions] body in
            Result { () throws(EmbeddingReply.Fault) in
                try EmbeddingReply.vectors(in: body, of: texts.count, dimensions: dimensions)
            }.mapError { Setback($0, saying: RefusalText.words(in: body, hiding: endpoint.key)) }
        }
        let found = try vectors.get()
        dimensions = dimensions ?? found.first?.count
        return found
    }

    private func opened() throws(Setback) -> HTTPPost {
        if let post { return post }
        if let why = HTTPPost.unusable { throw .noLibrary(why) }
        guard let opened = HTTPPost() else { throw .broken("no memory") }
        post = opened
        return opened
    }
}
