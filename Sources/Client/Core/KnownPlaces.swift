/// Places that are known to be of one history: where a view's cut has been, and what the broker has confirmed. The
/// newest of them only: what else is asked for is put to the broker.
struct KnownPlaces: Hashable, Sendable {
    static let most = 256
    private var hashes: [Revision: UInt64] = [:]
    /// In the order in which they came, the oldest at `next` once there are ``most``.
    private var ring: [Revision] = []
    private var next = 0

    mutating func add(_ position: Position) {
        guard hashes.updateValue(position.hash, forKey: position.revision) == nil else { return }
        if ring.count < Self.most {
            ring.append(position.revision)
        } else {
            hashes[ring[next]] = nil
            ring[next] = position.revision
            next = (next + 1) % Self.most
        }
    }

    /// Another broker is met: its history holds what it has in common with the view, up to the view's cut if the view can
    /// go on from there. What was known beyond (a commit of one's own that the view had not reached) may be of a history that
    /// an old copy of the store has replaced.
    mutating func forget(after revision: Revision) {
        var kept = KnownPlaces()
        for place in ring[next...] + ring[..<next] where place <= revision {
            if let hash = hashes[place] { kept.add(Position(revision: place, hash: hash)) }
        }
        self = kept
    }

    /// - Returns: `nil` if that is not known.
    func holds(_ position: Position) -> Bool? {
        // Without a hash the revision alone counts; the history's beginning is everybody's.
        if position.hash == 0 || position.revision == 0 { return true }
        return hashes[position.revision].map { $0 == position.hash }
    }
}
