import FoundationEssentials
import Glibc
import MembusModel

/// Records to rows of `changes`, and back.
enum RecordRow {
    /// The columns that ``record(_:)`` reads, ``columnCount`` of them. The statement's first argument is the size up to
    /// which values travel: larger ones are announced, and not even read from the disk. Where all values travel, vectors do, too:
    /// nobody beyond the broker reads them.
    static let columns = """
        position, key, kind, owner, attributes, links, expires,
        coalesce(length(value), 0), CASE WHEN base IS NOT NULL OR length(value) <= ?1 THEN value END, base, ?1,
        CASE WHEN ?1 = 9223372036854775807 THEN vectors END
        """
    static let columnCount = 12

    static func record(_ row: StoredRow) throws -> Record {
        let place = LogCursor(position: try row[0])
        let key = Key(unchecked: try row[1])
        guard let kind: String = try row[2] else {
            return .deletion(of: key, revision: place.revision, ordinal: place.ordinal)
        }
        let expires: Int64? = try row[6]
        return Record(
            key: key, revision: place.revision, ordinal: place.ordinal, kind: Kind(kind),
            content: try content(row),
            attributes: try Annotations.attributes(try row[4]), links: try Annotations.links(try row[5]),
            owner: try row[3] ?? "", expires: expires.map { Timestamp(milliseconds: $0) },
            vectors: (try row[11] as Data?).map { Vectors(encoded: $0) } ?? .none)
    }

    private static func content(_ row: StoredRow) throws -> Record.Value {
        let value: Data? = try row[8]
        guard let base: Int64 = try row[9] else {
            let size: Int = try row[7]
            return value == nil && size > 0 ? .announced(size: size) : .inline(value ?? Data())
        }
        guard let splice = try? Splice(decoding: value ?? Data()) else {
            throw UnexpectedColumn(column: 8, sql: "a version that is made of another")
        }
        if splice.size > (try row[10] as Int) { return .announced(size: splice.size) }
        return .inline(try SplicedValues(db: row.db).value(of: splice, on: LogCursor(position: base)))
    }

    static let insertion = """
        INSERT INTO changes(position, branch, key, kind, owner, attributes, links, expires, value, base, vectors)
        VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    /// - Parameter splice: how its value is stored, if not whole.
    static func insert(
        _ record: Record, on branch: Int64, as splice: SplicedValues.Stored? = nil, by row: inout Prepared
    ) throws {
        row.bind(LogCursor(revision: record.revision, ordinal: record.ordinal).position)
        row.bind(branch)
        var key = record.key.text
        try key.withUTF8 { key in
            row.bind(borrowedText: key)
            if record.isDeleted {
                for _ in 0..<8 { row.bindNull() }
                return try row.run()
            }
            guard let value = record.value else {
                preconditionFailure("the version of \(record.key) that is to be written lacks its value")
            }
            row.bind(record.kind.name)
            row.bind(record.owner)
            row.bind(blob: Annotations.encode(record.attributes))
            row.bind(blob: Annotations.encode(record.links))
            row.bind(record.expires?.milliseconds)
            try (splice?.splice.encoded ?? value).withUnsafeBytes { value in
                row.bind(borrowedBlob: value)
                row.bind(splice?.base.position)
                row.bind(blob: record.vectors.isEmpty ? nil : record.vectors.encoded)
                try row.run()
            }
        }
    }
}

/// Attributes and links as bytes; none is NULL.
enum Annotations {
    static func encode(_ attributes: Attributes) -> Data? {
        if attributes.isEmpty { return nil }
        var encoder = CanonicalEncoder()
        encoder.word(UInt64(attributes.count))
        for (name, value) in attributes {
            encoder.string(name)
            encoder.string(value)
        }
        return Data(encoder.bytes)
    }

    static func encode(_ links: [Link]) -> Data? {
        if links.isEmpty { return nil }
        var encoder = CanonicalEncoder()
        encoder.word(UInt64(links.count))
        for link in links {
            encoder.string(link.relation)
            encoder.string(link.target.text)
        }
        return Data(encoder.bytes)
    }

    static func attributes(_ data: Data?) throws -> Attributes {
        guard let data else { return [:] }
        var decoder = CanonicalDecoder(data)
        var attributes = Attributes()
        for _ in 0..<(try decoder.count()) { attributes[try decoder.string()] = try decoder.string() }
        return attributes
    }

    static func links(_ data: Data?) throws -> [Link] {
        guard let data else { return [] }
        var decoder = CanonicalDecoder(data)
        return try (0..<decoder.count()).map { _ in
            Link(relation: try decoder.string(), target: Key(unchecked: try decoder.string()))
        }
    }
}
