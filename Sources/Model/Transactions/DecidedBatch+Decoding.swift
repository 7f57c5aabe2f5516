import FoundationEssentials

// Total: bytes of any kind give a batch or ``DecidedBatch/Undecodable``, never a trap. Whatever was decoded encodes to
// the same bytes. Whether a batch fits a store is the store's to say.

extension DecidedBatch {
    package enum Undecodable: Error, Hashable, Sendable, CustomStringConvertible {
        /// Cut, changed on its way, or no batch at all.
        case damaged
        case unknownVersion(UInt8)
        case unknownEntry(UInt8)

        package var description: String {
            switch self {
            case .damaged: "the decided batch is damaged"
            case .unknownVersion(let version): "the decided batch is of version \(version), which is not known here"
            case .unknownEntry(let tag): "the decided batch has an entry of kind \(tag), which is not known here"
            }
        }
    }

    /// No session keeps more outcomes.
    private static let mostKeptAtAll: UInt64 = 1 << 20

    package init(decoding data: Data) throws(Undecodable) {
        guard let version = data.first else { throw .damaged }
        guard (Self.oldestVersion...Self.version).contains(version) else { throw .unknownVersion(version) }
        guard data.count > Self.checksumBytes else { throw .damaged }
        let body = data.dropLast(Self.checksumBytes)
        guard Self.checksum(body) == data.suffix(Self.checksumBytes) else { throw .damaged }
        do { self = try Self.decode(Data(body.dropFirst()), isOld: version == Self.oldestVersion) } catch let error
            as Undecodable
        { throw error } catch {
            throw .damaged
        }
    }

    private static func decode(_ body: Data, isOld: Bool) throws -> DecidedBatch {
        var decoder = CanonicalDecoder(body)
        let lineage = Lineage(try decoder.word())
        let follows = try decoder.revision()
        let followedHash = try decoder.raw(32)
        let time = Timestamp(milliseconds: try decoder.integer())
        let mostKept = try decoder.word()
        guard mostKept <= mostKeptAtAll else { throw Undecodable.damaged }
        var entries: [Entry] = []
        for _ in 0..<(try decoder.count(least: 9)) { entries.append(try decoder.entry(isOld)) }
        let reachedHash = try decoder.raw(32)
        guard decoder.isAtEnd else { throw Undecodable.damaged }
        return DecidedBatch(
            lineage: lineage, follows: follows, followedHash: followedHash, time: time, mostKept: mostKept,
            entries: entries, reachedHash: reachedHash)
    }
}

extension CanonicalDecoder {
    fileprivate mutating func entry(_ isOld: Bool) throws -> DecidedBatch.Entry {
        let byte = try byte()
        guard let tag = DecidedBatch.Tag(rawValue: byte) else { throw DecidedBatch.Undecodable.unknownEntry(byte) }
        switch tag {
        case .commit: return .commit(try commit(isOld))
        case .number: return .number(try number())
        case .opened: return .opened(SessionID(try word()), agent: try name())
        case .dropped: return .dropped(try list(least: 8) { SessionID(try $0.word()) })
        case .noted:
            let agent = try name()
            if isOld { return .noted(NoteReads(agent: agent, reads: try list(least: 40) { try $0.oldNoted() })) }
            let session = try flag() ? SessionID(try word()) : nil
            let dropped = try revision()
            guard dropped <= NoteReads.mostDropped else { throw Malformed() }
            return .noted(
                NoteReads(
                    agent: agent, session: session, reads: try list(least: 24) { try $0.noted() },
                    dropped: Int(dropped)))
        case .floor: return .floor(try revision())
        case .notesForgotten: return .notesForgotten(before: Timestamp(milliseconds: try integer()))
        }
    }

    private mutating func commit(_ isOld: Bool) throws -> DecidedCommit {
        var info = try info()
        info.hash = try word()
        let fork = try flag() ? DecidedFork(try fork(), id: try integer()) : nil
        let preconditions = try list(least: 9) { try $0.precondition() }
        let reads =
            try isOld ? list(least: 16) { ReadVersion(key: try $0.key(), version: try $0.integer()) } : readList()
        var records: [Record] = []
        for place in 0..<(try count(least: 17)) {
            records.append(try record(LogCursor(revision: info.revision, ordinal: UInt32(clamping: place))))
        }
        var derived: [UInt32] = []
        for _ in 0..<(try count(least: 8)) {
            let ordinal = try integer()
            guard ordinal > (derived.last.map { Int64($0) } ?? -1), ordinal < records.count else { throw Malformed() }
            derived.append(UInt32(ordinal))
        }
        return DecidedCommit(
            commit: Commit(info: info, records: records), fork: fork, preconditions: preconditions, reads: reads,
            derived: derived, provenance: try provenance(of: records.count))
    }

    private mutating func provenance(of records: Int) throws -> Provenance {
        let data = try data()
        if data.isEmpty { return .none }
        let provenance = try Provenance(decoding: data)
        guard !provenance.isEmpty, provenance.origins.allSatisfy({ $0.ordinal < records }) else { throw Malformed() }
        return provenance
    }

    private mutating func info() throws -> CommitInfo {
        CommitInfo(
            revision: try revision(), hash: 0, branch: try branch(), agent: try name(),
            session: try flag() ? SessionID(try word()) : nil, number: try word(),
            time: Timestamp(milliseconds: try integer()), context: try name(), message: try name())
    }

    private mutating func fork() throws -> Fork {
        let (name, parent) = (try branch(), try branch())
        // It is resolved.
        guard try flag() else { throw Malformed() }
        return Fork(
            name: name, parent: parent, at: try revision(), context: try self.name(), message: try self.name())
    }

    private mutating func precondition() throws -> Precondition {
        switch try byte() {
        case 1: .at(try key(), try integer())
        case 2: .absent(try key())
        case 3: .unchanged(try Topic(try text()), since: try integer())
        case 4: .sound
        default: throw Malformed()
        }
    }

    private mutating func record(_ place: LogCursor) throws -> Record {
        let key = try key()
        guard try integer() == Int64(place.ordinal) else { throw Malformed() }
        if try flag() { return .deletion(of: key, revision: place.revision, ordinal: place.ordinal) }
        let kind = Kind(try name())
        let value = try data()
        let attributes = try attributes()
        let links = try list(least: 16) { Link(relation: try $0.text(), target: try $0.key()) }
        let owner = try name()
        var mark = try byte()
        var vectors = Vectors.none
        if mark == CanonicalEncoder.hasVectors {
            let bytes = try data()
            guard Vectors.isSound(bytes) else { throw Malformed() }
            (vectors, mark) = (Vectors(encoded: bytes), try byte())
        }
        guard mark <= 1 else { throw Malformed() }
        return Record(
            key: key, revision: place.revision, ordinal: place.ordinal, kind: kind, content: .inline(value),
            attributes: attributes, links: links, owner: owner,
            expires: mark == 1 ? Timestamp(milliseconds: try integer()) : nil, vectors: vectors)
    }

    /// In the order of their names' bytes, each once.
    private mutating func attributes() throws -> Attributes {
        var attributes = Attributes()
        var last: String?
        for _ in 0..<(try count(least: 16)) {
            let name = try text()
            guard last?.precedesByBytes(name) ?? true else { throw Malformed() }
            attributes[name] = try text()
            last = name
        }
        return attributes
    }

    private mutating func number() throws -> DecidedNumber {
        let (session, number, acknowledged) = (SessionID(try word()), try word(), try word())
        return DecidedNumber(
            session: session, number: number, kept: KeptResult(fingerprint: try word(), result: try kept()),
            acknowledged: acknowledged)
    }

    private mutating func readList() throws -> [ReadVersion] {
        let data = try data()
        if data.isEmpty { return [] }
        let reads = try ReadList.decode(data)
        if reads.isEmpty { throw Malformed() }
        return reads
    }

    private mutating func noted() throws -> NotedRead {
        let context = try name()
        let reads = try readList()
        guard reads.count == 1 else { throw Malformed() }
        return NotedRead(context: context, reads[0], at: Timestamp(milliseconds: try integer()))
    }

    private mutating func oldNoted() throws -> NotedRead {
        NotedRead(
            context: try name(), branch: try branch(), key: try key(), version: try integer(),
            time: Timestamp(milliseconds: try integer()))
    }

    // MARK: Parts

    private mutating func list<Element>(
        least: Int, _ read: (inout CanonicalDecoder) throws -> Element
    ) throws -> [Element] {
        var elements: [Element] = []
        for _ in 0..<(try count(least: least)) { elements.append(try read(&self)) }
        return elements
    }

    fileprivate mutating func revision() throws -> Revision {
        let revision = try integer()
        guard revision >= 0 else { throw Malformed() }
        return revision
    }

    private mutating func key() throws -> Key { try Key(try text()) }
    private mutating func branch() throws -> BranchName { try BranchName(try text()) }

    /// SQLite would end it at a NUL.
    private mutating func name() throws -> String {
        let name = try text()
        guard !name.utf8.contains(0) else { throw Malformed() }
        return name
    }
}
