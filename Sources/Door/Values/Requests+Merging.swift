import CMembus
import Membus

// What C says of merges and reverts, as the client's values.

extension membus_resolution {
    func resolution() throws -> Resolution {
        Resolution(try key.key(), ours: ours, theirs: theirs, try chosen())
    }

    private func chosen() throws -> Resolution.Choice {
        switch Int(choice) {
        case MEMBUS_OURS: return .ours
        case MEMBUS_THEIRS: return .theirs
        case MEMBUS_BASE: return .base
        case MEMBUS_REMOVE: return .delete
        case MEMBUS_REPLACE:
            guard let put else { throw DoorError.missing("put of a resolution") }
            return .put(try put.pointee.put())
        default: throw DoorError.unknown(choice, "choice of a resolution")
        }
    }
}

extension UnsafePointer<membus_resolution>? {
    func all(_ count: Int) throws -> [Resolution] {
        guard count > 0 else { return [] }
        guard let resolutions = self else { throw DoorError.missing("resolution") }
        return try UnsafeBufferPointer(start: resolutions, count: count).map { try $0.resolution() }
    }
}

extension membus_reverting {
    func allVersions() throws -> [VersionName] {
        guard version_count > 0 else { return [] }
        guard let versions else { throw DoorError.missing("version") }
        return try UnsafeBufferPointer(start: versions, count: version_count).map {
            VersionName(try $0.key.key(), at: $0.revision)
        }
    }

    func allRevisions() throws -> [Revision] {
        guard revision_count > 0 else { return [] }
        guard let revisions else { throw DoorError.missing("revision") }
        return Array(UnsafeBufferPointer(start: revisions, count: revision_count))
    }

    /// `nil`: nobody is named. A revision without anybody goes on to the client, so that it is not passed over.
    func author() throws -> Authorship? {
        let (agent, context) = (try agent.stringIfAny("agent's name"), try context.stringIfAny("context"))
        if agent == nil, context == nil, since == 0 { return nil }
        return Authorship(agent: agent, context: context, since: since)
    }
}
