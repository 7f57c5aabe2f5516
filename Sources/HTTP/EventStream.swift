import HTTPTypes
import HummingbirdCore
import MembusDocuments
import NIOCore

/// Who asked, and is answered once.
struct Caller: ~Copyable {
    let writer: ResponseWriter
    let channel: any Channel
    /// What each answer to it bears.
    let fields: HTTPFields

    init(_ writer: consuming ResponseWriter, _ channel: any Channel, _ fields: HTTPFields = [:]) {
        self.writer = writer
        self.channel = channel
        self.fields = fields
    }
}

/// Writes to a client that may have stopped reading: it is given up then.
enum Writing {
    /// For a client to take what was written.
    static let patience: Duration = .seconds(20)
    /// Larger answers are written piece by piece, so that it shows whether they are taken.
    private static let piece = 256 << 10

    static func write(_ answer: Answer, _ caller: consuming Caller) async throws {
        let channel = caller.channel
        var headers = caller.fields
        headers.append(contentsOf: answer.headers)
        let bytes = answer.body.map { ByteBuffer(bytes: $0.bytes) } ?? ByteBuffer()
        // Of that status it would be a mistake.
        if answer.status != 204 { headers[.contentLength] = "\(bytes.readableBytes)" }
        let head = HTTPResponse(status: .init(code: answer.status), headerFields: headers)
        guard bytes.readableBytes > piece else {
            let watchdog = Watchdog(channel, after: patience)
            try await caller.writer.write(response: head, body: ResponseBody(byteBuffer: bytes))
            _ = consume watchdog
            return
        }
        var body = try await caller.writer.writeHead(head)
        var rest = bytes
        while let next = rest.readSlice(length: min(piece, rest.readableBytes)), next.readableBytes > 0 {
            let watchdog = Watchdog(channel, after: patience)
            try await body.write(next)
            _ = consume watchdog
        }
        try await body.finish(nil)
    }
}

/// Server-sent events, one for each message.
struct EventStream {
    private var body: any ResponseBodyWriter
    private let channel: any Channel

    init(_ caller: consuming Caller, _ more: HTTPFields = [:]) async throws {
        channel = caller.channel
        var headers = caller.fields
        headers.append(contentsOf: more)
        headers[.contentType] = "text/event-stream"
        headers[.cacheControl] = "no-cache, no-transform"
        headers[.buffering] = "no"
        body = try await caller.writer.writeHead(HTTPResponse(status: .ok, headerFields: headers))
    }

    mutating func send(_ message: JSONValue) async throws {
        var buffer = ByteBuffer(string: "event: message\ndata: ")
        buffer.writeBytes(message.bytes)
        buffer.writeString("\n\n")
        try await write(buffer)
    }

    /// So that what stands in between does not take it for dead; and a client that is gone is noticed.
    mutating func ping() async throws { try await write(ByteBuffer(string: ": ping\n\n")) }

    consuming func end() async throws { try await body.finish(nil) }

    private mutating func write(_ buffer: ByteBuffer) async throws {
        let watchdog = Watchdog(channel, after: Writing.patience)
        try await body.write(buffer)
        _ = consume watchdog
    }
}

extension HTTPField.Name {
    /// nginx gathers what is streamed unless it is told not to. A token of RFC 9110.
    fileprivate static let buffering = HTTPField.Name("X-Accel-Buffering")!
}
