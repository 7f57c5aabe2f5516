import MembusModel

/// The version and id of a request, read from bytes that are no valid request as a whole: the refusal can
/// then name the request, and a newer major version is told from noise.
struct Envelope {
    private(set) var version: UInt64?
    private(set) var id: UInt64?

    init(scanning bytes: UnsafeRawBufferPointer) {
        var rest = bytes[...]
        while let tag = Self.varint(&rest) {
            switch tag & 7 {
            case 0:
                guard let value = Self.varint(&rest) else { return }
                if tag >> 3 == 1 { version = value }
                if tag >> 3 == 2 { id = value }
            case 1: rest = rest.dropFirst(8)
            case 2:
                guard let length = Self.varint(&rest), length <= UInt64(rest.count) else { return }
                rest = rest.dropFirst(Int(length))
            case 5: rest = rest.dropFirst(4)
            default: return
            }
        }
    }

    func failure(_ reason: any Error) -> Failure {
        if let version, version != UInt64(ProtocolVersion.major) { return Self.unsupported(version) }
        return Failure(.malformed, "the frame is not a Request: \(reason)")
    }

    static func unsupported(_ version: UInt64) -> Failure {
        Failure(
            .unsupportedVersion,
            version == 0
                ? "the request names no version of the protocol; this broker speaks \(ProtocolVersion.major)"
                : "the request speaks version \(version) of the protocol, this broker \(ProtocolVersion.major)",
            subject: "version")
    }

    private static func varint(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
