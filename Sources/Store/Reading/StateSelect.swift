/// The statements by which the rows of a state are gone through: ``StateRows``. Positions are `revision << 20 | ordinal`.
package enum StateSelect {
    /// What a level holds in an order of positions, after ?2 and up to ?3, on the branch ?1.
    case versions(withValues: Bool, Order)
    /// The newest of each key, newest first. ?4 is a set of keys, which `membus_unseen` knows.
    case newestVersions(withValues: Bool)
    /// All versions of the key ?4.
    case versionsOfKey(withValues: Bool, Order)
    /// The newest version of the key ?4.
    case newestOfKey(withValues: Bool)
    /// The next key from ?2 on and below ?3 on the branch ?1.
    case nextKey
    /// After ?2 and up to ?3, which are revisions, on the branch ?1.
    case commits(Order)
    /// The commit ?1.
    case commit
    /// Those of commits after ?2 and up to ?3 on the branch ?1.
    case reads
    /// Those up to the revision ?1.
    case notes

    package enum Order: String, Sendable {
        case oldestFirst = "ASC"
        case newestFirst = "DESC"
    }

    /// Columns of a version.
    package enum Version {
        package static let position: Int32 = 0
        package static let branch: Int32 = 1
        package static let key: Int32 = 2
        package static let kind: Int32 = 3
        package static let owner: Int32 = 4
        package static let attributes: Int32 = 5
        package static let links: Int32 = 6
        package static let expires: Int32 = 7
        /// Of what is stored, in bytes.
        package static let stored: Int32 = 8
        package static let base: Int32 = 9
        package static let value: Int32 = 10

        /// A splice comes along in any case: it tells the size.
        fileprivate static func columns(withValues: Bool) -> String {
            """
            position, branch, key, kind, owner, attributes, links, expires, coalesce(length(value), 0), base, \
            \(withValues ? "value" : "CASE WHEN base IS NOT NULL THEN value END")
            """
        }
    }

    /// - `+branch`: by the table, in the order of positions, and not by the index.
    var sql: String {
        switch self {
        case .versions(let withValues, let order):
            """
            SELECT \(Version.columns(withValues: withValues)) FROM changes
            WHERE position > ?2 AND position <= ?3 AND +branch = ?1 ORDER BY position \(order.rawValue)
            """
        case .newestVersions(let withValues):
            """
            SELECT \(Version.columns(withValues: withValues)) FROM changes
            WHERE position > ?2 AND position <= ?3
            AND CASE WHEN branch = ?1 THEN membus_unseen(?4, key) AND kind IS NOT NULL ELSE 0 END
            ORDER BY position DESC
            """
        case .versionsOfKey(let withValues, let order):
            """
            SELECT \(Version.columns(withValues: withValues)) FROM changes
            WHERE branch = ?1 AND key = ?4 AND position > ?2 AND position <= ?3 ORDER BY position \(order.rawValue)
            """
        case .newestOfKey(let withValues):
            """
            SELECT \(Version.columns(withValues: withValues)) FROM changes
            WHERE branch = ?1 AND key = ?4 AND position > ?2 AND position <= ?3 ORDER BY position DESC LIMIT 1
            """
        case .nextKey:
            "SELECT key FROM changes WHERE branch = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT 1"
        case .commits(let order):
            """
            SELECT revision, agent, session, number, time, context, message, hash, provenance FROM commits
            WHERE branch = ?1 AND revision > ?2 AND revision <= ?3 ORDER BY revision \(order.rawValue)
            """
        case .commit: "SELECT agent, context, time FROM commits WHERE revision = ?1"
        case .reads:
            """
            SELECT revision, agent, time, context, reads FROM commits
            WHERE branch = ?1 AND revision > ?2 AND revision <= ?3 AND reads IS NOT NULL ORDER BY revision DESC
            """
        case .notes: "SELECT head, agent, time, context, reads, id FROM notes WHERE head <= ?1 ORDER BY id DESC"
        }
    }
}
