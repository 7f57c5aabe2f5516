import FoundationEssentials
import MembusModel

extension Request {
    /// - Throws: why the request as a whole is refused. What is wrong with its frame of fields (version,
    ///   deadline, streams) is `malformed`, which never uses up a transaction's number.
    init(_ message: PBRequest, _ limits: Limits) throws(Refusal) {
        guard message.version == ProtocolVersion.major else { throw Envelope.unsupported(UInt64(message.version)) }
        guard message.deadlineMs >= 0 else {
            throw Refusal(
                .malformed, "deadline_ms: \(message.deadlineMs) is negative",
                hint: "name how long the client will wait, in milliseconds, or 0", subject: "deadline_ms")
        }
        guard message.streams.count <= limits.keysPerRequest else {
            throw Refusal(
                .malformed,
                "streams: \(message.streams.count) are over the limit keysPerRequest of \(limits.keysPerRequest)",
                hint: "name fewer streams in one request", subject: "keysPerRequest")
        }
        var streams: [StreamID] = []
        for (index, bytes) in message.streams.enumerated() {
            streams.append(try Parse.stream(bytes, "streams[\(index)]"))
        }
        guard let body = message.body else {
            throw Refusal(.unknownRequest, "the request has no body that this broker knows")
        }
        self.init(
            id: message.id, deadline: message.deadlineMs == 0 ? nil : .milliseconds(message.deadlineMs),
            instance: message.instance == 0 ? nil : Instance(message.instance), streams: streams,
            body: try Body(body, limits))
    }
}

extension PBRequest {
    init(_ request: Request) {
        self.init()
        version = ProtocolVersion.major
        id = request.id
        // A deadline below a millisecond is not "not said".
        deadlineMs = request.deadline.map { max(1, $0.wholeMilliseconds) } ?? 0
        instance = request.instance?.id ?? 0
        streams = request.streams.map(\.bytes)
        body = request.body.message
    }
}
