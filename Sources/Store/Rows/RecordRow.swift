import Foundation
import GRDB
import MembusModel

/// Records to rows of `changes`, and back.
enum RecordRow {
    /// The columns that ``record(_:)`` reads. The statement's first argument is the size up to which values
    /// travel: larger ones are announced, and not even read from the disk.
    static let columns = """
        position, key, kind, owner, attributes, links, expires,
        coalesce(length(value), 0), CASE WHEN length(value) <= ?1 THEN value END
        """

    static func record(_ row: StoredRow) throws -> Record {
        let place = LogCursor(position: try row[0])
        let key = Key(unchecked: try row[1])
        guard let kind: String = try row[2] else {
            return .deletion(of: key, revision: place.revision, ordinal: place.ordinal)
        }
        let size: Int = try row[7]
        let value: Data? = try row[8]
        let expires: Int64? = try row[6]
        return Record(
            key: key, revision: place.revision, ordinal: place.ordinal, kind: Kind(kind),
            content: value == nil && size > 0 ? .announced(size: size) : .inline(value ?? Data()),
            attributes: try Annotations.attributes(try row[4]), links: try Annotations.links(try row[5]),
            owner: try row[3] ?? "", expires: expires.map { Timestamp(milliseconds: $0) })
    }

    static let insertion = """
        INSERT INTO changes(position, branch, key, kind, owner, attributes, links, expires, value)
        VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
        """

    static func insert(_ record: Record, on branch: Int64, by row: inout Prepared) throws {
        row.bind(LogCursor(revision: record.revision, ordinal: record.ordinal).position)
        row.bind(branch)
        var key = record.key.text
        try key.withUTF8 { key in
            row.bind(borrowedText: key)
            if record.isDeleted {
                for _ in 0..<6 { row.bindNull() }
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
            try value.withUnsafeBytes { value in
                row.bind(borrowedBlob: value)
                try row.run()
            }
        }
    }
}

/// Attributes and links as bytes; none is NULL.
enum Annotations {
    static func encode(_ attributes: [String: String]) -> Data? {
        if attributes.isEmpty { return nil }
        var encoder = CanonicalEncoder()
        encoder.word(UInt64(attributes.count))
        for (name, value) in attributes.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
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

    static func attributes(_ data: Data?) throws -> [String: String] {
        guard let data else { return [:] }
        var decoder = CanonicalDecoder(data)
        var attributes: [String: String] = [:]
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

/// GRDB has a `Record` too; here the word means the model's.
typealias Record = MembusModel.Record
