import FoundationEssentials
import MembusModel

/// Reads the request that a busy broker gets most: a transaction that only puts and deletes, without
/// preconditions, attributes or links, and what it has read. In one pass, where the generated code makes an object of each message
/// first, which is then turned into the model's values.
///
/// It knows only what is as it should be. Whatever else it meets (a field it does not know, one that comes
/// twice, bytes that are no UTF-8, a bad key, a number out of range, an end too early) it leaves to
/// ``Request/init(_:_:)``, which says what is wrong: `nil` means "not mine", never "invalid".
struct PlainTransact {
    private var bytes: UnsafeRawBufferPointer
    private var place = 0
    /// Fields that were met in the message under way, by number.
    private var met: UInt32 = 0

    static func request(_ bytes: UnsafeRawBufferPointer, _ limits: Limits) -> Request? {
        var reader = PlainTransact(bytes: bytes)
        return reader.request(limits)
    }

    private init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    // MARK: Messages

    private mutating func request(_ limits: Limits) -> Request? {
        var (version, id, deadline, instance) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
        var streams: [StreamID] = []
        var transact: Transact?
        while place < bytes.count {
            switch tag(repeated: 5) {
            case .varint(1): version = varint() ?? .max
            case .varint(2):
                guard let value = varint() else { return nil }
                id = value
            case .varint(3): deadline = varint() ?? .max
            case .fixed(4):
                guard let value = fixed() else { return nil }
                instance = value
            case .bytes(5):
                guard let part = part(), streams.count < limits.keysPerRequest, let stream = StreamID(bytes: part)
                else { return nil }
                streams.append(stream)
            case .bytes(12):
                guard let part = part() else { return nil }
                var inner = PlainTransact(bytes: part)
                transact = inner.transact(limits)
                if transact == nil { return nil }
            default: return nil
            }
        }
        guard version == UInt64(ProtocolVersion.major), deadline <= UInt64(Int64.max), let transact else { return nil }
        return Request(
            id: id, deadline: deadline == 0 ? nil : .milliseconds(Int64(deadline)),
            instance: instance == 0 ? nil : Instance(instance), streams: streams, body: .transact(transact))
    }

    private mutating func transact(_ limits: Limits) -> Transact? {
        var (session, number, acknowledged) = (UInt64(0), UInt64(0), UInt64(0))
        var transaction: Transaction?
        while place < bytes.count {
            switch tag() {
            case .fixed(1):
                guard let value = fixed() else { return nil }
                session = value
            case .varint(2): number = varint() ?? .max
            case .varint(3): acknowledged = varint() ?? .max
            case .bytes(4):
                guard let part = part() else { return nil }
                var inner = PlainTransact(bytes: part)
                transaction = inner.transaction(limits)
                if transaction == nil { return nil }
            default: return nil
            }
        }
        guard let transaction, (1...UInt64(Int64.max)).contains(number), acknowledged <= UInt64(Int64.max) else {
            return nil
        }
        return Transact(
            session: SessionID(session), number: number, acknowledged: acknowledged,
            work: .success(.transaction(transaction)))
    }

    private mutating func transaction(_ limits: Limits) -> Transaction? {
        var transaction = Transaction()
        while place < bytes.count {
            switch tag(repeated: 5, 6) {
            case .bytes(1):
                guard let name = text() else { return nil }
                if !name.isEmpty {
                    guard let branch = try? BranchName(name) else { return nil }
                    transaction.branch = branch
                }
            case .bytes(2):
                guard let context = text() else { return nil }
                transaction.context = context
            case .bytes(3):
                guard let message = text() else { return nil }
                transaction.message = message
            case .bytes(5):
                // Whose number is too large is refused by the model, of few parts or of many.
                guard let part = part(), transaction.changes.count < limits.changesPerTransaction else { return nil }
                var inner = PlainTransact(bytes: part)
                guard let change = inner.change() else { return nil }
                transaction.changes.append(change)
            case .bytes(6):
                guard let part = part(), transaction.reads.count < limits.keysPerRequest else { return nil }
                var inner = PlainTransact(bytes: part)
                guard let read = inner.read() else { return nil }
                transaction.reads.append(read)
            default: return nil
            }
        }
        return transaction
    }

    private mutating func read() -> ReadVersion? {
        var read = ReadVersion(.key(Key(unchecked: "")))
        var hasSubject = false
        while place < bytes.count {
            switch tag() {
            case .bytes(1):
                guard !hasSubject, let key = text().flatMap({ try? Key($0) }) else { return nil }
                (read.subject, hasSubject) = (.key(key), true)
            case .varint(2):
                guard let version = varint(), version <= UInt64(Int64.max) else { return nil }
                read.version = Revision(version)
            case .bytes(3):
                guard !hasSubject, let topic = text().flatMap({ try? Topic($0) }) else { return nil }
                (read.subject, hasSubject) = (.topic(topic), true)
            case .bytes(4):
                guard let branch = text().flatMap({ try? BranchName($0) }) else { return nil }
                read.branch = branch
            case .varint(5):
                guard let cut = varint(), cut <= UInt64(Int64.max) else { return nil }
                read.cut = Revision(cut)
            case .varint(6):
                guard let before = varint(), before <= 1 else { return nil }
                read.isOwn = before == 0
            default: return nil
            }
        }
        return hasSubject ? read : nil
    }

    private mutating func change() -> Change? {
        var key: Key?
        var action: Change.Action?
        while place < bytes.count {
            switch tag() {
            case .bytes(1):
                key = text().flatMap { try? Key($0) }
                if key == nil { return nil }
            case .bytes(2):
                guard action == nil, let part = part() else { return nil }
                var inner = PlainTransact(bytes: part)
                guard let put = inner.put() else { return nil }
                action = .put(put)
            case .bytes(3):
                guard action == nil, let part = part(), part.isEmpty else { return nil }
                action = .delete
            default: return nil
            }
        }
        guard let key, let action else { return nil }
        return Change(key, action)
    }

    private mutating func put() -> Put? {
        var value = Data()
        var kind = Kind.text
        while place < bytes.count {
            switch tag() {
            case .bytes(1):
                guard let part = part() else { return nil }
                value = Data(part)
            case .bytes(2):
                guard let name = text() else { return nil }
                if !name.isEmpty { kind = Kind(name) }
            default: return nil
            }
        }
        return Put(value, kind: kind)
    }

    // MARK: Fields

    private enum Tag {
        case varint(UInt64)
        case fixed(UInt64)
        case bytes(UInt64)
        case strange
    }

    /// The next field's number, once for each but the repeated ones.
    private mutating func tag(repeated: UInt64 = 0, _ other: UInt64 = 0) -> Tag {
        guard let tag = varint(), (1...31).contains(tag >> 3) else { return .strange }
        let field = tag >> 3
        if field != repeated, field != other {
            if met & (1 << UInt32(field)) != 0 { return .strange }
            met |= 1 << UInt32(field)
        }
        switch tag & 7 {
        case 0: return .varint(field)
        case 1: return .fixed(field)
        case 2: return .bytes(field)
        default: return .strange
        }
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 63, by: 7) {
            guard place < bytes.count else { return nil }
            let byte = bytes[place]
            place += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        // Ten bytes: a negative number, or nonsense.
        return nil
    }

    private mutating func fixed() -> UInt64? {
        guard bytes.count - place >= 8 else { return nil }
        defer { place += 8 }
        return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
    }

    private mutating func part() -> UnsafeRawBufferPointer? {
        guard let count = varint(), count <= UInt64(bytes.count - place) else { return nil }
        defer { place += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[place..<place + Int(count)])
    }

    private mutating func text() -> String? { part().flatMap { String(validating: $0, as: UTF8.self) } }
}
