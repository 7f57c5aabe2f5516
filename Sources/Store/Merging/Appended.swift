import MembusModel

// Whether a text was only appended to since the base of a merge. From its version back, over what it was made of:
//
//   the base's own version             that is it
//   appended, taken, kept, marked,     on with what it was made of
//   restored, undone, combined
//   put, picked, settled by a text     no
//
// Another version that both sides contain is not the base: that was put, undone or decided otherwise since, or a parked
// conflict has kept an older one. What was made of it is another text, unless it is nothing but pieces from its beginning.
// Not so what a merge has put together: its parts go back to what was their base then. But what an undo has put together is
// none of them.

/// Where the sides of a merge began with a key.
struct TextStart {
    /// What both sides contain.
    let common: Contained
    /// The versions that are the base; none: there was nothing.
    let versions: Set<Revision>
}

extension VersionReader {
    /// The versions that these heads make a key's base of, which is known.
    func bases(of key: Key, in heads: [ShownState], _ base: Record?) throws -> Set<Revision> {
        if base == nil { return [] }
        return Set(try newest(key, in: heads).compactMap { $0.version?.revision })
    }

    func hasOnlyAppended(_ version: KeyVersion?, beside other: KeyVersion?, since start: TextStart) throws -> Bool {
        guard let version, version.content?.kind == .text, other?.content?.kind == .text else { return false }
        return try hasOnlyAppended([version], since: start)
    }

    /// The same of a text that would be made of these versions.
    func hasOnlyAppended(_ key: Key, madeOf revisions: [Revision], since start: TextStart) throws -> Bool {
        var versions: [KeyVersion] = []
        for revision in revisions {
            guard let version = try self.version(VersionName(key, at: revision)) else { return false }
            // An append to nothing may follow a deletion.
            if !version.record.isDeleted { versions.append(version) }
        }
        return try hasOnlyAppended(versions, since: start)
    }

    private func hasOnlyAppended(_ versions: [KeyVersion], since start: TextStart) throws -> Bool {
        let isOnlyPieces = start.versions.isEmpty || versions.count > 1
        var left = versions.map { AppendedPart(version: $0, isOnlyPieces: isOnlyPieces) }
        // Longer histories are merged by line.
        for _ in 0..<1000 {
            guard var part = left.popLast() else { return true }
            let revision = part.version.revision
            if !part.isOnlyPieces, start.versions.contains(revision) { continue }
            if start.common.contains(part.version) {
                if part.isMerged, !part.isOnlyPieces { continue }
                part.isOnlyPieces = true
            }
            guard let origin = try origin(of: part.version.record), part.goesOn(to: origin) else { return false }
            for revision in origin.madeOf {
                let name = VersionName(part.version.record.key, at: revision)
                guard let older = try self.version(name) else {
                    // The deletion before the first piece may be forgotten.
                    if part.isFirstPiece(origin) { continue }
                    return false
                }
                if older.record.isDeleted { continue }
                left.append(
                    AppendedPart(version: older, isOnlyPieces: part.isOnlyPieces, isMerged: part.isMerged))
            }
        }
        return false
    }
}

private struct AppendedPart {
    var version: KeyVersion
    /// It has to be, up to its beginning.
    var isOnlyPieces = false
    /// It is part of what a merge has put together.
    var isMerged = false

    /// Whether nothing was there before: all that it says is the piece.
    func isFirstPiece(_ origin: Origin) -> Bool {
        guard origin.making == .appended, let value = version.content?.value else { return false }
        return value.count == Int(origin.amount)
    }

    /// - Returns: whether what it was made of tells.
    mutating func goesOn(to origin: Origin) -> Bool {
        let isOfSeveral = origin.madeOf.count > 1
        switch origin.making {
        // Somebody may have settled it by a text of his own.
        case .combined where origin.isSettled, .undone where origin.isSettled: return false
        case .appended, .kept, .marked, .restored: break
        case .taken, .combined: isMerged = isMerged || isOfSeveral
        case .undone: isOnlyPieces = isOnlyPieces || isOfSeveral
        case .incremented, .patched, .picked: return false
        }
        return true
    }
}
