import Foundation

extension Memory {
    /// How the broker fares.
    public func status(timeout: Duration? = nil) async throws -> BrokerStatus {
        let reply = try await connection.ask(.status, timeout: timeout)
        guard case .status(let status) = reply.body else { throw Connection.unexpected }
        return BrokerStatus(lineage: reply.lineage, instance: reply.instance, figures: status)
    }

    public func branches(timeout: Duration? = nil) async throws -> [Reply.BranchInfo] {
        guard case .branches(let branches) = try await connection.ask(.branches, timeout: timeout).body else {
            throw Connection.unexpected
        }
        return branches
    }

    /// Drops history: what is older than this, or below this revision, or (neither) by the broker's window.
    /// - Returns: the new floor.
    public func compact(olderThan: Duration? = nil, below: Revision? = nil, timeout: Duration? = nil) async throws -> Revision {
        let asked = Request.Compact(olderThan: olderThan, below: below)
        guard case .compacted(let floor) = try await connection.ask(.compact(asked), timeout: timeout).body else {
            throw Connection.unexpected
        }
        return floor
    }

    /// Checks the store: file, hash chain, derived tables. May take long.
    public func verify(timeout: Duration? = .seconds(3600)) async throws -> Reply.Verification {
        guard case .verified(let verification) = try await connection.ask(.verify, timeout: timeout).body else {
            throw Connection.unexpected
        }
        return verification
    }

    /// The fingerprint of some topics' records as of a revision.
    public func digest(
        _ topics: [String], at revision: Revision? = nil, branch: BranchName? = nil, timeout: Duration? = nil
    ) async throws -> Reply.Digest {
        let asked = Request.Body.digest(branch: branch ?? self.branch, filter: try filtered(topics), at: revision)
        guard case .digest(let digest) = try await connection.ask(asked, timeout: timeout).body else {
            throw Connection.unexpected
        }
        return digest
    }
}

/// How a broker fares.
public struct BrokerStatus: Hashable, Sendable {
    public let lineage: Lineage
    public let instance: Instance
    public let figures: Reply.Status
}
