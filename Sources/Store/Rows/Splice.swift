import FoundationEssentials
import MembusModel

/// A value told by what it keeps of an older version's: so many bytes of its start, so many of its end, and what stands
/// between. An append keeps all of the start.
struct Splice: Equatable {
    /// How far it is from the version that is stored whole: see ``SplicedValues``.
    var ordinal: Int
    /// In bytes.
    var start: Int
    var end: Int
    var middle: Data

    private static let header = 24
    /// As it is stored.
    var bytes: Int { Self.header + middle.count }
    /// Of the value that it gives, in bytes.
    var size: Int { start + middle.count + end }

    init(from old: Data, to new: Data, ordinal: Int) {
        self.ordinal = ordinal
        let common = min(old.count, new.count)
        (start, end) = old.withUnsafeBytes { old in
            new.withUnsafeBytes { new in
                var start = 0
                while start < common, old[start] == new[start] { start += 1 }
                var end = 0
                while end < common - start, old[old.count - 1 - end] == new[new.count - 1 - end] { end += 1 }
                return (start, end)
            }
        }
        middle = Data(new.dropFirst(start).dropLast(end))
    }

    /// Makes the older value this one.
    /// - Throws: ``Misfit`` if the older value is too short.
    func apply(to value: inout Data) throws {
        guard start + end <= value.count else { throw Misfit() }
        value.replaceSubrange(value.startIndex + start..<value.endIndex - end, with: middle)
    }

    /// It does not fit what it is said to be made of.
    struct Misfit: Error {}

    // MARK: Bytes

    /// Three numbers, then the bytes between.
    var encoded: Data {
        var encoder = CanonicalEncoder(capacity: bytes)
        for number in [ordinal, start, end] { encoder.word(UInt64(number)) }
        return Data(encoder.bytes) + middle
    }

    /// - Throws: ``Misfit`` if these are no bytes of a splice.
    init(decoding data: Data) throws {
        var decoder = CanonicalDecoder(data.prefix(Self.header))
        guard let ordinal = try? decoder.word(), let start = try? decoder.word(), let end = try? decoder.word(),
            max(ordinal, start, end) <= UInt64(Int32.max)
        else { throw Misfit() }
        (self.ordinal, self.start, self.end) = (Int(ordinal), Int(start), Int(end))
        middle = data.dropFirst(Self.header)
    }
}
