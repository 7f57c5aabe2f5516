import FoundationEssentials

/// What was read: a version of a key, that a key had no record, or the list of a topic. It goes on record with the commit that
/// builds upon it, or in a note.
public struct ReadVersion: Hashable, Sendable {
    public enum Subject: Hashable, Sendable {
        case key(Key)
        /// All that the topic showed.
        case topic(Topic)

        package var text: String {
            switch self {
            case .key(let key): key.text
            case .topic(let topic): topic.text
            }
        }
    }

    public var subject: Subject
    /// The revision of the version that was read, which may be a deletion; 0: there was no record, or it is a topic.
    public var version: Revision
    /// Which branch was read; `nil`: the transaction's.
    public var branch: BranchName?
    /// The state that was read: what tells which deletion an absent key had, and what a topic showed. 0: it is not said, and
    /// counts as the one before the commit.
    public var cut: Revision
    /// Read by the transaction itself; else before it, by the same agent in the same context.
    public var isOwn: Bool

    public init(
        _ subject: Subject, version: Revision = 0, on branch: BranchName? = nil, cut: Revision = 0, isOwn: Bool = true
    ) {
        self.subject = subject
        self.version = version
        self.branch = branch
        self.cut = cut
        self.isOwn = isOwn
    }

    /// "I read this key, and what I saw was the version of this revision" (0: no record).
    public init(key: Key, version: Revision) { self.init(.key(key), version: version) }

    /// `nil`: a topic was listed.
    public var key: Key? { if case .key(let key) = subject { key } else { nil } }

    /// Said in the words that there were before cuts, branches and topics.
    package var isPlain: Bool { key != nil && branch == nil && cut == 0 && isOwn }
}

// Reads as bytes, in a commit's row, in its hash and in the rows of notes. Most reads of one row share much: so each says how
// many bytes of its name it shares with the one before, and numbers are short where they are small.
//
//   form (1 byte), count, reads: flags, [branch], shared, rest of the name, [version], [cut]
//
// Equal lists have equal bytes.

package enum ReadList {
    private static let form: UInt8 = 1

    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let topic = Flags(rawValue: 1)
        static let context = Flags(rawValue: 2)
        static let branch = Flags(rawValue: 4)
        static let version = Flags(rawValue: 8)
        static let cut = Flags(rawValue: 16)
        static let all: Flags = [.topic, .context, .branch, .version, .cut]
    }

    package static func encode(_ reads: [ReadVersion]) -> [UInt8] {
        var encoder = ShortEncoder()
        encoder.bytes.reserveCapacity(8 + 40 * reads.count)
        encoder.bytes.append(form)
        encoder.number(UInt64(reads.count))
        var name = ""
        var branch: BranchName?
        for read in reads {
            var flags: Flags = []
            if read.key == nil { flags.insert(.topic) }
            if !read.isOwn { flags.insert(.context) }
            if read.branch != branch { flags.insert(.branch) }
            if read.version != 0 { flags.insert(.version) }
            if read.cut != 0 { flags.insert(.cut) }
            encoder.bytes.append(flags.rawValue)
            if read.branch != branch {
                encoder.text(read.branch?.text ?? "")
                branch = read.branch
            }
            let next = read.subject.text
            encoder.name(next, after: name)
            name = next
            if read.version != 0 { encoder.number(UInt64(bitPattern: read.version)) }
            if read.cut != 0 { encoder.number(UInt64(bitPattern: read.cut)) }
        }
        return encoder.bytes
    }

    /// - Throws: ``CanonicalDecoder/Malformed``, whatever the bytes are.
    package static func decode(_ data: Data) throws(CanonicalDecoder.Malformed) -> [ReadVersion] {
        var decoder = ShortDecoder(data)
        guard try decoder.byte() == form else { throw CanonicalDecoder.Malformed() }
        var reads: [ReadVersion] = []
        var name: [UInt8] = []
        var branch: BranchName?
        for _ in 0..<(try decoder.count(least: 3)) {
            let flags = Flags(rawValue: try decoder.byte())
            guard Flags.all.isSuperset(of: flags) else { throw CanonicalDecoder.Malformed() }
            if flags.contains(.branch) {
                let text = try decoder.text(try decoder.string())
                let next = try? BranchName(text)
                guard next != branch, (next == nil) == text.isEmpty else { throw CanonicalDecoder.Malformed() }
                branch = next
            }
            name = try decoder.name(after: name)
            let text = try decoder.text(name)
            let subject: ReadVersion.Subject
            if flags.contains(.topic) {
                guard let topic = try? Topic(text) else { throw CanonicalDecoder.Malformed() }
                subject = .topic(topic)
            } else {
                guard let key = try? Key(text) else { throw CanonicalDecoder.Malformed() }
                subject = .key(key)
            }
            reads.append(
                ReadVersion(
                    subject, version: flags.contains(.version) ? try decoder.revision() : 0, on: branch,
                    cut: flags.contains(.cut) ? try decoder.revision() : 0, isOwn: !flags.contains(.context)))
        }
        guard decoder.isAtEnd else { throw CanonicalDecoder.Malformed() }
        return reads
    }
}

/// Notes of one agent in one context as bytes: their reads, and when each was.
package enum NotedList {
    /// - Parameter time: of the row.
    package static func encode(_ reads: [NotedRead], at time: Timestamp) -> [UInt8] {
        var encoder = ShortEncoder()
        encoder.string(ReadList.encode(reads.map(\.read)))
        // By how much before the row's time, by the reader's clock, which may be ahead.
        for read in reads { encoder.signed(time.milliseconds &- read.time.milliseconds) }
        return encoder.bytes
    }

    package static func decode(
        _ data: Data, context: String, at time: Timestamp
    ) throws(CanonicalDecoder.Malformed) -> [NotedRead] {
        var decoder = ShortDecoder(data)
        let reads = try ReadList.decode(Data(try decoder.string()))
        var noted: [NotedRead] = []
        noted.reserveCapacity(reads.count)
        for read in reads {
            let before = try decoder.signed()
            noted.append(
                NotedRead(
                    context: context, read, at: Timestamp(milliseconds: time.milliseconds &- before)))
        }
        guard decoder.isAtEnd else { throw CanonicalDecoder.Malformed() }
        return noted
    }
}

/// Numbers of seven bits a byte, the lowest first.
private struct ShortEncoder {
    var bytes: [UInt8] = []

    mutating func number(_ number: UInt64) {
        var left = number
        while left >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: left) | 0x80)
            left >>= 7
        }
        bytes.append(UInt8(left))
    }
    mutating func signed(_ number: Int64) { self.number(UInt64(bitPattern: number << 1 ^ number >> 63)) }
    mutating func string(_ string: [UInt8]) {
        number(UInt64(string.count))
        bytes += string
    }
    mutating func text(_ text: String) {
        var text = text
        text.withUTF8 {
            number(UInt64($0.count))
            bytes.append(contentsOf: $0)
        }
    }
    mutating func name(_ name: String, after last: String) {
        var (name, last) = (name, last)
        name.withUTF8 { name in
            last.withUTF8 { last in
                var shared = 0
                while shared < name.count, shared < last.count, name[shared] == last[shared] { shared += 1 }
                number(UInt64(shared))
                number(UInt64(name.count - shared))
                bytes.append(contentsOf: UnsafeBufferPointer(rebasing: name[shared...]))
            }
        }
    }
}

private struct ShortDecoder {
    private let bytes: [UInt8]
    private var place = 0

    init(_ data: Data) { bytes = [UInt8](data) }

    var isAtEnd: Bool { place == bytes.count }

    mutating func byte() throws(CanonicalDecoder.Malformed) -> UInt8 {
        guard place < bytes.count else { throw CanonicalDecoder.Malformed() }
        defer { place += 1 }
        return bytes[place]
    }
    mutating func number() throws(CanonicalDecoder.Malformed) -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            let byte = try byte()
            let part = UInt64(byte & 0x7F)
            // One number has one form.
            guard shift < 63 || part <= 1, part > 0 || shift == 0 || byte & 0x80 != 0 else { break }
            number |= part << shift
            if byte & 0x80 == 0 { return number }
        }
        throw CanonicalDecoder.Malformed()
    }
    mutating func signed() throws(CanonicalDecoder.Malformed) -> Int64 {
        let number = try number()
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }
    mutating func revision() throws(CanonicalDecoder.Malformed) -> Revision {
        let number = try number()
        guard number > 0, let revision = Revision(exactly: number) else { throw CanonicalDecoder.Malformed() }
        return revision
    }
    mutating func count(least: Int) throws(CanonicalDecoder.Malformed) -> Int {
        let count = try number()
        guard count <= UInt64((bytes.count - place) / least) else { throw CanonicalDecoder.Malformed() }
        return Int(count)
    }
    mutating func string() throws(CanonicalDecoder.Malformed) -> [UInt8] {
        let count = try number()
        guard count <= UInt64(bytes.count - place) else { throw CanonicalDecoder.Malformed() }
        defer { place += Int(count) }
        return Array(bytes[place..<place + Int(count)])
    }
    mutating func name(after last: [UInt8]) throws(CanonicalDecoder.Malformed) -> [UInt8] {
        let shared = try number()
        guard shared <= UInt64(last.count) else { throw CanonicalDecoder.Malformed() }
        let rest = try string()
        if Int(shared) < last.count, let first = rest.first, first == last[Int(shared)] {
            throw CanonicalDecoder.Malformed()
        }
        return last.prefix(Int(shared)) + rest
    }
    func text(_ bytes: [UInt8]) throws(CanonicalDecoder.Malformed) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw CanonicalDecoder.Malformed() }
        return text
    }
}
