import FoundationEssentials

// The bytes are hashed and fixed for good: in the commit's row, in a decided batch, and in the commit's hash.

extension Provenance {
    package var encoded: [UInt8] {
        var encoder = CanonicalEncoder(capacity: 64 + 48 * origins.count)
        encoder.provenance(self)
        return encoder.bytes
    }

    /// - Throws: ``CanonicalDecoder/Malformed``: it is no provenance, or one that does not encode to the same bytes.
    package init(decoding data: Data) throws(CanonicalDecoder.Malformed) {
        var decoder = CanonicalDecoder(data)
        self = try decoder.provenance()
        guard decoder.isAtEnd else { throw CanonicalDecoder.Malformed() }
    }
}

extension CanonicalEncoder {
    fileprivate mutating func provenance(_ provenance: Provenance) {
        switch provenance.deed {
        case nil: byte(0)
        case .merge(let merge):
            byte(1)
            string(merge.source.text)
            integer(merge.revision)
            list(merge.heads) {
                $0.string($1.branch.text)
                $0.integer($1.revision)
            }
            list(merge.agreed) { $0.string($1.text) }
        case .rollback(let revision):
            byte(2)
            integer(revision)
        case .revert(let versions, let cascades):
            byte(cascades ? 4 : 3)
            self.versions(versions)
        case .quarantine(let versions):
            byte(5)
            self.versions(versions)
        case .pick(let revisions):
            byte(6)
            list(revisions) { $0.integer($1) }
        // What a commit does to branches and tags.
        case .fork(let inherited):
            byte(20)
            byte(inherited.rawValue)
        case .branch(let action):
            byte(21)
            byte(action.rawValue)
        case .tag(let name, let revision?):
            byte(22)
            string(name.text)
            integer(revision)
        case .tag(let name, nil):
            byte(23)
            string(name.text)
        }
        list(provenance.origins) { $0.origin($1) }
    }

    private mutating func versions(_ versions: [VersionName]) {
        list(versions) {
            $0.string($1.key.text)
            $0.integer($1.revision)
        }
    }

    private mutating func origin(_ origin: Origin) {
        integer(Int64(origin.ordinal))
        byte(origin.making.rawValue)
        byte(origin.isSettled ? 1 : 0)
        list(origin.madeOf) { $0.integer($1) }
        integer(origin.amount)
    }
}

extension CanonicalDecoder {
    fileprivate mutating func provenance() throws(Malformed) -> Provenance {
        let deed: Deed?
        switch try byte() {
        case 0: deed = nil
        case 1:
            let (source, revision) = (try branchName(), try integer())
            var heads: [BranchHead] = []
            for _ in 0..<(try count(least: 16)) { heads.append(BranchHead(try branchName(), at: try integer())) }
            var agreed: [Key] = []
            for _ in 0..<(try count(least: 8)) { agreed.append(try keyName()) }
            deed = .merge(MergeDeed(source: source, revision: revision, heads: heads, agreed: agreed))
        case 2: deed = .rollback(to: try integer())
        case 3: deed = .revert(try versions(), cascades: false)
        case 4: deed = .revert(try versions(), cascades: true)
        case 5: deed = .quarantine(try versions())
        case 6:
            var revisions: [Revision] = []
            for _ in 0..<(try count(least: 8)) { revisions.append(try integer()) }
            deed = .pick(revisions)
        case 20:
            guard let inherited = InheritedExpiry(rawValue: try byte()), inherited != .asOnParent else {
                throw Malformed()
            }
            deed = .fork(inherited)
        case 21:
            guard let action = BranchChange.Action(rawValue: try byte()) else { throw Malformed() }
            deed = .branch(action)
        case 22:
            let name = try tagName()
            deed = .tag(name, try integer())
        case 23: deed = .tag(try tagName(), nil)
        default: throw Malformed()
        }
        var origins: [Origin] = []
        for _ in 0..<(try count(least: 26)) {
            let origin = try origin()
            guard origin.ordinal > (origins.last.map { Int64($0.ordinal) } ?? -1) else { throw Malformed() }
            origins.append(origin)
        }
        return Provenance(deed: deed, origins: origins)
    }

    private mutating func versions() throws(Malformed) -> [VersionName] {
        var versions: [VersionName] = []
        for _ in 0..<(try count(least: 16)) { versions.append(VersionName(try keyName(), at: try integer())) }
        return versions
    }

    private mutating func origin() throws(Malformed) -> Origin {
        guard let ordinal = UInt32(exactly: try integer()), let making = Origin.Making(rawValue: try byte()) else {
            throw Malformed()
        }
        let isSettled = try flag()
        var madeOf: [Revision] = []
        for _ in 0..<(try count(least: 8)) { madeOf.append(try integer()) }
        return Origin(ordinal: ordinal, making, of: madeOf, isSettled: isSettled, amount: try integer())
    }

    private mutating func branchName() throws(Malformed) -> BranchName {
        let text = try text()
        guard let name = try? BranchName(text) else { throw Malformed() }
        return name
    }

    private mutating func tagName() throws(Malformed) -> TagName {
        let text = try text()
        guard let name = try? TagName(text) else { throw Malformed() }
        return name
    }

    private mutating func keyName() throws(Malformed) -> Key {
        let text = try text()
        guard let key = try? Key(text) else { throw Malformed() }
        return key
    }
}
