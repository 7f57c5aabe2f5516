import Crypto
import FoundationEssentials
import Glibc
import MembusWire

extension WarmFile {
    /// Reads a file that ``write(to:)`` made.
    /// - Throws: ``MembusError/warmFile(path:problem:hint:)`` if it is damaged, or of a newer version.
    package init(reading file: URL) throws(MembusError) {
        let bytes: Data
        do { bytes = try Data(contentsOf: file, options: .mappedIfSafe) } catch {
            throw .warmFile(
                path: file.path, problem: "cannot be read: \(Self.reason(for: file) ?? "\(error)")",
                hint: "check the path, or have it written by `membus warm`")
        }
        do throws(Damage) { self = try WarmFile(decoding: bytes) } catch {
            throw .warmFile(path: file.path, problem: error.what, hint: error.hint)
        }
    }

    /// The system's word; Foundation's errors would need all of Foundation for theirs.
    private static func reason(for file: URL) -> String? {
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { return String(cString: strerror(errno)) }
        _ = close(descriptor)
        return nil
    }

    struct Damage: Error {
        let what: String
        var hint = "remove it and have it written anew, by `membus warm` or `view.save(to:)`"
    }

    init(decoding bytes: Data) throws(Damage) {
        var input = Input(bytes: bytes)
        guard bytes.count >= Self.magic.count + 4 + Self.digestBytes, try input.take(Self.magic.count) == Self.magic
        else {
            throw Damage(what: "is no warm file, or was cut short")
        }
        let version: UInt32 = try input.integer()
        if version > Self.version {
            throw Damage(
                what: "is of format \(version), this software reads \(Self.version)",
                hint: "use newer software, or have it written anew")
        }
        let body = bytes.prefix(bytes.count - Self.digestBytes)
        guard version == Self.version, SHA256.hash(data: body) == bytes.suffix(Self.digestBytes) else {
            throw Damage(what: "is damaged: its content does not have the hash that it was written with")
        }
        input.limit(to: body.count)
        let register = try Self.header(try input.frame())
        guard let newest = register.newest, register.mode == .update else {
            throw Damage(what: "its header names no state")
        }
        var records: [Record] = []
        while let frame = try input.frame() { records += try Self.page(frame, of: newest) }
        let count: UInt64 = try input.integer()
        guard count == UInt64(records.count), input.isAtEnd else { throw Damage(what: "does not hold what it says") }
        guard zip(records, records.dropFirst()).allSatisfy({ $0.key < $1.key }), records.allSatisfy({ !$0.isDeleted })
        else {
            throw Damage(what: "its records are out of order")
        }
        guard records.allSatisfy({ register.filter.matches($0.key) && $0.revision <= newest.revision }) else {
            throw Damage(what: "it holds records that are not of its topics, or newer than its revision")
        }
        self.init(branch: register.branch, filter: register.filter, token: newest, records: records)
    }

    private static func header(_ frame: Data?) throws(Damage) -> Register {
        guard let frame, case .success(let request) = WireCodec.decodeRequest(frame, limits: .highest).result,
            case .register(let register) = request.body
        else { throw Damage(what: "its header cannot be read") }
        return register
    }

    private static func page(_ frame: Data, of token: Token) throws(Damage) -> [Record] {
        guard case .success(let reply) = WireCodec.decodeReply(frame), case .range(let page) = reply.body,
            page.at == token.position
        else { throw Damage(what: "one of its pages cannot be read") }
        return page.records
    }
}

/// Takes bytes from the front, never beyond the end.
private struct Input {
    private let bytes: Data
    private var place: Int
    private var end: Int

    init(bytes: Data) {
        self.bytes = bytes
        place = 0
        end = bytes.count
    }

    mutating func limit(to count: Int) { end = min(end, count) }
    var isAtEnd: Bool { place == end }

    mutating func take(_ count: Int) throws(WarmFile.Damage) -> Data {
        guard count <= end - place else { throw WarmFile.Damage(what: "was cut short") }
        defer { place += count }
        return bytes[bytes.startIndex + place..<bytes.startIndex + place + count]
    }

    mutating func integer<T: FixedWidthInteger>() throws(WarmFile.Damage) -> T {
        try take(T.bitWidth / 8).reduce(0) { $0 << 8 | T($1) }
    }

    /// `nil`: the end mark.
    mutating func frame() throws(WarmFile.Damage) -> Data? {
        let length: UInt32 = try integer()
        guard length <= WarmFile.mostFrameBytes else { throw WarmFile.Damage(what: "has a frame of \(length) bytes") }
        return length == 0 ? nil : try take(Int(length))
    }
}
