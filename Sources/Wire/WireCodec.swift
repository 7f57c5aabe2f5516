import FoundationEssentials
import MembusModel
import SwiftProtobuf

// Bytes <-> Model. What comes in may be anything:
//
//   bytes → protobuf message (shape) → model value (names, ranges, counts) → the broker or client
//
// Decoding never traps. What a request costs is bounded: by a small multiple of its size, and some 50 MB more if it is
// made of empty parts, for one of too many is refused before they are built (RequestParts.swift); a broker is trusted
// not to send such. Whatever the model's types cannot hold is refused here, with the field's name; what depends on
// state or on sizes within a transaction is decided later. What goes out was made by our own side and is encoded as it
// is.

/// A request as far as it could be read.
package struct DecodedRequest: Sendable {
    /// What the reply must name; 0 if not even that could be read.
    package let id: UInt64
    package let result: Result<Request, Refusal>
}

/// A message from a broker that could not be understood: drop it and count it.
package struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// "reply", "event".
    package let what: String
    package let reason: String
    package var description: String {
        "the broker sent a \(what) that this client cannot read: \(reason); use versions that fit each other"
    }
}

package enum WireCodec {
    /// Reads a request's frame. A bad name or argument within a transaction fails only its
    /// ``Transact/work``, so that it takes its turn in the session.
    /// - Parameter limits: of the broker, for counts.
    package static func decodeRequest(_ bytes: some ContiguousBytes, limits: Limits = Limits()) -> DecodedRequest {
        bytes.withUnsafeBytes { buffer in
            if let request = PlainTransact.request(buffer, limits) {
                return DecodedRequest(id: request.id, result: .success(request))
            }
            return decodeAnyRequest(buffer, limits)
        }
    }

    /// By the generated code.
    static func decodeAnyRequest(_ buffer: UnsafeRawBufferPointer, _ limits: Limits) -> DecodedRequest {
        if RequestParts.areTooMany(in: buffer) { return decodeWithoutParts(buffer, limits) }
        return decode(buffer, limits)
    }

    private static func decodeWithoutParts(_ buffer: UnsafeRawBufferPointer, _ limits: Limits) -> DecodedRequest {
        let decoded = RequestParts.removed(from: buffer).withUnsafeBytes { decode($0, limits) }
        if case .failure(let refusal) = decoded.result, refusal.code == .unsupportedVersion { return decoded }
        guard case .success(var request) = decoded.result, case .transact(var transact) = request.body else {
            return DecodedRequest(id: decoded.id, result: .failure(RequestParts.refusal))
        }
        transact.work = .failure(RequestParts.refusal)
        request.body = .transact(transact)
        return DecodedRequest(id: decoded.id, result: .success(request))
    }

    private static func decode(_ buffer: UnsafeRawBufferPointer, _ limits: Limits) -> DecodedRequest {
        do {
            let message = try PBRequest(serializedBytes: buffer.bytes, options: options)
            do throws(Refusal) {
                return DecodedRequest(id: message.id, result: .success(try Request(message, limits)))
            } catch {
                return DecodedRequest(id: message.id, result: .failure(error))
            }
        } catch {
            let envelope = Envelope(scanning: buffer)
            return DecodedRequest(id: envelope.id ?? 0, result: .failure(envelope.refusal(error)))
        }
    }

    /// - Throws: ``Refusal`` if it is larger than protobuf can carry (2 GiB).
    package static func encode(_ request: Request) throws(Refusal) -> [UInt8] {
        do { return try PBRequest(request).serializedBytes() } catch { throw tooLarge("request") }
    }

    package static func decodeReply(_ bytes: some ContiguousBytes) -> Result<Reply, WireError> {
        bytes.withUnsafeBytes { buffer in
            decode("reply") { try Reply(try PBReply(serializedBytes: buffer.bytes, options: options)) }
        }
    }

    /// A reply that is larger than protobuf can carry (2 GiB) is replaced by the refusal that says so.
    package static func encode(_ reply: Reply) -> [UInt8] {
        if let bytes = CommittedReply.encode(reply) { return bytes }
        if let bytes: [UInt8] = try? PBReply(reply).serializedBytes() { return bytes }
        var refusal = reply
        refusal.body = .refused(tooLarge("reply"))
        refusal.bookmarks = []
        return (try? PBReply(refusal).serializedBytes()) ?? []
    }

    /// - Parameter topic: the message's first frame.
    package static func decodePublished(
        topic: some ContiguousBytes, _ payload: some ContiguousBytes
    ) -> Result<Published, WireError> {
        guard let topic = topic.withUnsafeBytes({ StreamID(bytes: $0) }) else {
            return .failure(WireError(what: "event", reason: "its topic does not have 16 bytes"))
        }
        return payload.withUnsafeBytes { buffer in
            decode("event") {
                try Published(try PBPublished(serializedBytes: buffer.bytes, options: options), topic: topic)
            }
        }
    }

    /// The payload; the first frame is `published.topic.bytes`. An event that is larger than protobuf can
    /// carry is announced instead.
    package static func encode(_ published: Published) -> [UInt8] {
        if let bytes: [UInt8] = try? PBPublished(published).serializedBytes() { return bytes }
        var announced = published
        if case .event(var event) = published.content {
            event.records = []
            event.isAnnounced = true
            announced.content = .event(event)
        }
        return (try? PBPublished(announced).serializedBytes()) ?? []
    }

    private static var options: BinaryDecodingOptions {
        var options = BinaryDecodingOptions()
        options.discardUnknownFields = true
        return options
    }

    private static func decode<T>(_ what: String, _ body: () throws -> T) -> Result<T, WireError> {
        do { return .success(try body()) } catch let refusal as Refusal {
            return .failure(WireError(what: what, reason: refusal.message))
        } catch {
            return .failure(WireError(what: what, reason: "\(error)"))
        }
    }

    private static func tooLarge(_ what: String) -> Refusal {
        Refusal(.limitExceeded, "the \(what) is larger than 2 GiB", hint: "ask for less at once", subject: what)
    }
}
