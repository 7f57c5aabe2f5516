/// Walks over the fields of one protobuf message without building anything.
///
/// It ends at the first byte that is no field. The tags of groups, an old sort of nesting that nobody here uses,
/// are passed over: what stands inside is walked as if it stood outside.
struct WireFields: Sequence, IteratorProtocol {
    enum Value {
        case varint(UInt64)
        /// Of 8 bytes. Those of 4 have no value here.
        case fixed(UInt64)
        case bytes(UnsafeRawBufferPointer)
        case other
    }

    struct Field {
        var number: UInt64
        var value: Value
        /// With its tag.
        var whole: UnsafeRawBufferPointer
    }

    private let bytes: UnsafeRawBufferPointer
    private var place = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func next() -> Field? {
        let start = place
        guard let tag = varint(), let value = value(type: tag & 7) else {
            place = bytes.count
            return nil
        }
        return Field(
            number: tag >> 3, value: value, whole: UnsafeRawBufferPointer(rebasing: bytes[start..<place]))
    }

    private mutating func value(type: UInt64) -> Value? {
        switch type {
        case 0: return varint().map { .varint($0) }
        case 1:
            return part(8).map { .fixed(UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self))) }
        case 2:
            return varint().flatMap { part($0) }.map { .bytes($0) }
        case 3, 4: return .other
        case 5: return part(4).map { _ in .other }
        default: return nil
        }
    }

    private mutating func part(_ count: UInt64) -> UnsafeRawBufferPointer? {
        guard count <= UInt64(bytes.count - place) else { return nil }
        defer { place += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[place..<place + Int(count)])
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard place < bytes.count else { return nil }
            let byte = bytes[place]
            place += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
