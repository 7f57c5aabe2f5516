import Crypto
import FoundationEssentials

// A decided batch as bytes:
//
//   version (1 byte), head, number of entries, entries, SHA-256 of all before
//
// Each entry stands behind its tag. A reader refuses a version or a tag that it does not know: what can't be
// understood can't be applied. Whatever is to be added gets a new version.

extension DecidedBatch {
    static let version: UInt8 = 5
    /// Without vectors.
    static let lastVersion: UInt8 = 4
    /// Reads had a key and a version in it, and notes no session.
    static let oldestVersion: UInt8 = 3
    static let checksumBytes = 32

    enum Tag: UInt8 {
        case commit = 1
        case number = 2
        case opened = 3
        case dropped = 4
        case noted = 5
        case floor = 6
        case notesForgotten = 7
    }

    package var encoded: Data {
        var encoder = CanonicalEncoder(capacity: 256 + 512 * entries.count)
        encoder.byte(Self.version)
        encoder.word(lineage.id)
        encoder.integer(follows)
        encoder.raw(followedHash)
        encoder.integer(time.milliseconds)
        encoder.word(mostKept)
        encoder.list(entries) { $0.entry($1) }
        encoder.raw(reachedHash)
        return Self.sealed(encoder.bytes)
    }

    /// With its checksum.
    static func sealed(_ bytes: [UInt8]) -> Data { Data(bytes) + checksum(bytes) }

    static func checksum(_ bytes: some DataProtocol) -> Data {
        SHA256.hash(data: bytes).withUnsafeBytes { Data($0) }
    }
}

extension CanonicalEncoder {
    fileprivate mutating func entry(_ entry: DecidedBatch.Entry) {
        switch entry {
        case .commit(let commit):
            tag(.commit)
            self.commit(commit)
        case .number(let number):
            tag(.number)
            self.number(number)
        case .opened(let id, let agent):
            tag(.opened)
            word(id.id)
            string(agent)
        case .dropped(let ids):
            tag(.dropped)
            list(ids) { $0.word($1.id) }
        case .noted(let notes):
            tag(.noted)
            string(notes.agent)
            byte(notes.session == nil ? 0 : 1)
            if let session = notes.session { word(session.id) }
            integer(Int64(notes.dropped))
            list(notes.reads) { $0.noted($1) }
        case .floor(let revision):
            tag(.floor)
            integer(revision)
        case .notesForgotten(let time):
            tag(.notesForgotten)
            integer(time.milliseconds)
        }
    }

    private mutating func tag(_ tag: DecidedBatch.Tag) { byte(tag.rawValue) }

    private mutating func commit(_ decided: DecidedCommit) {
        info(decided.commit.info)
        word(decided.commit.info.hash)
        byte(decided.fork == nil ? 0 : 1)
        if let fork = decided.fork {
            self.fork(fork.fork)
            integer(fork.id)
        }
        list(decided.preconditions) { $0.precondition($1) }
        data(decided.reads.isEmpty ? Data() : Data(ReadList.encode(decided.reads)))
        list(decided.commit.records) { $0.record($1) }
        list(decided.derived) { $0.integer(Int64($1)) }
        data(decided.provenance.isEmpty ? Data() : Data(decided.provenance.encoded))
    }

    private mutating func number(_ decided: DecidedNumber) {
        word(decided.session.id)
        word(decided.number)
        word(decided.acknowledged)
        word(decided.kept.fingerprint)
        kept(decided.kept.result)
    }

    private mutating func noted(_ read: NotedRead) {
        string(read.context)
        data(Data(ReadList.encode([read.read])))
        integer(read.time.milliseconds)
    }
}
