import MembusModel

/// The version and id of a request, read from bytes that are no valid request as a whole: the refusal can
/// then name the request, and a newer major version is told from noise.
struct Envelope {
    private(set) var version: UInt64?
    private(set) var id: UInt64?

    init(scanning bytes: UnsafeRawBufferPointer) {
        for field in WireFields(bytes) {
            guard case .varint(let value) = field.value else { continue }
            if field.number == 1 { version = value }
            if field.number == 2 { id = value }
        }
    }

    func refusal(_ reason: any Error) -> Refusal {
        if let version, version != UInt64(ProtocolVersion.major) { return Self.unsupported(version) }
        return Refusal(.malformed, "the frame is not a Request: \(reason)")
    }

    static func unsupported(_ version: UInt64) -> Refusal {
        Refusal(
            .unsupportedVersion,
            version == 0
                ? "the request names no version of the protocol; this broker speaks \(ProtocolVersion.major)"
                : "the request speaks version \(version) of the protocol, this broker \(ProtocolVersion.major)",
            subject: "version")
    }
}
