import CEndpoint
import FoundationEssentials
import MembusModel

/// POST by the system's libcurl, for one thread at a time; connections stay open from one call to the next.
final class HTTPPost {
    private let post: OpaquePointer

    /// Why there can be none on this machine; `nil`: there can.
    static var unusable: String? { membus_post_unusable().map { String(cString: $0) } }

    init?() {
        guard let post = membus_post_open() else { return nil }
        self.post = post
    }

    deinit { membus_post_close(post) }

    struct Bounds {
        var whole: Duration
        var connecting: Duration
        var answer: Int
    }

    /// - Returns: how it ended. What came is in the properties until the next call.
    func send(
        _ body: [UInt8], to url: String, headers: [String], bounds: Bounds,
        cancelled: @escaping @Sendable () -> Bool
    ) -> membus_post_outcome {
        let asking = Asking(cancelled)
        return withExtendedLifetime(asking) {
            withCStrings(headers) { lines in
                url.withCString { url in
                    body.withUnsafeBytes { bytes in
                        var request = membus_post_request()
                        (request.url, request.headers, request.header_count) = (url, lines.baseAddress, lines.count)
                        (request.body, request.size) = (bytes.baseAddress, bytes.count)
                        request.timeout_ms = max(1, bounds.whole.wholeMilliseconds)
                        request.connect_timeout_ms = max(1, bounds.connecting.wholeMilliseconds)
                        request.most = bounds.answer
                        request.context = Unmanaged.passUnretained(asking).toOpaque()
                        request.cancelled = { context in
                            context.map { Unmanaged<Asking>.fromOpaque($0).takeUnretainedValue().cancelled() } ?? false
                        }
                        return membus_post_send(post, &request)
                    }
                }
            }
        }
    }

    /// 0: no answer began.
    var status: Int { membus_post_status(post) }
    var retryAfter: String { String(cString: membus_post_retry_after(post)) }
    var location: String { String(cString: membus_post_location(post)) }
    var error: String { String(cString: membus_post_error(post)) }

    /// Not copied, so not to be kept.
    func withBody<Result>(_ work: (Data) -> Result) -> Result {
        var size = 0
        guard let bytes = membus_post_body(post, &size) else { return work(Data()) }
        // Data wants it mutable, and changes nothing.
        return work(Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: bytes), count: size, deallocator: .none))
    }

    func forgetBody() { membus_post_forget(post) }

    private final class Asking {
        let cancelled: @Sendable () -> Bool
        init(_ cancelled: @escaping @Sendable () -> Bool) { self.cancelled = cancelled }
    }
}

private func withCStrings<Result>(
    _ texts: [String], _ work: (UnsafeBufferPointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    let bytes = texts.map { Array($0.utf8CString) }.flatMap { $0 }
    return bytes.withUnsafeBufferPointer { bytes in
        var pointers: [UnsafePointer<CChar>?] = []
        var place = 0
        for text in texts {
            pointers.append(bytes.baseAddress?.advanced(by: place))
            place += text.utf8.count + 1
        }
        return pointers.withUnsafeBufferPointer(work)
    }
}
