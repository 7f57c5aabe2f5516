import FoundationEssentials
import Glibc
import MembusModel

/// Commits to rows of `commits`, and back.
enum CommitRow {
    static let columns = "revision, branch, agent, session, number, time, context, message, hash"

    static func info(_ row: StoredRow, _ branches: BranchTable) throws -> CommitInfo {
        let session: Int64? = try row[3]
        let number: Int64 = try row[4]
        return CommitInfo(
            revision: try row[0], hash: shortHash(try row[8]), branch: try branches.name(try row[1]), agent: try row[2],
            session: session.map { SessionID(UInt64(stored: $0)) }, number: UInt64(stored: number),
            time: Timestamp(milliseconds: try row[5]), context: try row[6], message: try row[7])
    }

    static let insertion = """
        INSERT INTO commits(
          revision, branch, agent, session, number, time, context, message, preconditions, provenance, hash, reads)
        VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    static func insert(
        _ info: CommitInfo, on branch: Int64, preconditions: [Precondition], reads: [ReadVersion],
        provenance: Provenance, hash: [UInt8], by row: inout Prepared
    ) throws {
        row.bind(info.revision)
        row.bind(branch)
        row.bind(info.agent)
        row.bind(info.session?.id.stored)
        row.bind(info.number.stored)
        row.bind(info.time.milliseconds)
        row.bind(info.context)
        row.bind(info.message)
        row.bind(blob: encode(preconditions))
        row.bind(blob: provenance.isEmpty ? nil : Data(provenance.encoded))
        row.bind(blob: hash)
        if reads.isEmpty { row.bindNull() } else { row.bind(blob: ReadList.encode(reads)) }
        try row.run()
    }

    static func reads(_ data: Data?) throws -> [ReadVersion] { try data.map { try ReadList.decode($0) } ?? [] }

    static func provenance(_ data: Data?) throws -> Provenance {
        try data.map { try Provenance(decoding: $0) } ?? .none
    }

    static func encode(_ preconditions: [Precondition]) -> Data? {
        if preconditions.isEmpty { return nil }
        var encoder = CanonicalEncoder()
        encoder.word(UInt64(preconditions.count))
        for precondition in preconditions {
            switch precondition {
            case .at(let key, let revision):
                encoder.byte(1)
                encoder.string(key.text)
                encoder.integer(revision)
            case .absent(let key):
                encoder.byte(2)
                encoder.string(key.text)
            case .unchanged(let topic, let since):
                encoder.byte(3)
                encoder.string(topic.text)
                encoder.integer(since)
            case .sound: encoder.byte(4)
            }
        }
        return Data(encoder.bytes)
    }

    static func preconditions(_ data: Data?) throws -> [Precondition] {
        guard let data else { return [] }
        var decoder = CanonicalDecoder(data)
        return try (0..<decoder.count()).map { _ in
            switch try decoder.byte() {
            case 1: .at(Key(unchecked: try decoder.string()), try decoder.integer())
            case 2: .absent(Key(unchecked: try decoder.string()))
            case 3: .unchanged(Topic(unchecked: try decoder.string()), since: try decoder.integer())
            case 4: .sound
            default: throw CanonicalDecoder.Malformed()
            }
        }
    }
}

/// The first 8 bytes, big-endian, of a full hash.
func shortHash(_ full: some Sequence<UInt8>) -> UInt64 { full.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
func shortHash(_ full: Data) -> UInt64 { shortHash([UInt8](full)) }
