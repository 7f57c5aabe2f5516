import FoundationEssentials
import MembusModel

// Whoever settles a conflict that a merge has left for later puts what he has decided, and deletes the conflict's record: a
// transaction like any other. Where it puts what one of the versions says that the conflict names,
//
//   a mark of quarantine stays on it, which only the broker can set, and so do its vectors, which only the broker knows;
//   theirs is refused if it was undone here by a cascade, or derives from that, and the conflict does not say so. Whoever wants
//   the same value all the same puts it as his own, without having read it from there.

extension Batch {
    /// - Returns: the transaction, with the marks.
    /// - Throws: ``Refusal``: it would bring back what was undone.
    func settling(_ transaction: Transaction, on branch: Branch) throws -> Transaction {
        let settled = transaction.changes.compactMap { change -> Key? in
            guard case .delete = change.action, ParkedConflict.names(change.key) else { return nil }
            return change.key
        }
        if settled.isEmpty { return transaction }
        let planner = planner()
        let (reader, state) = (planner.reader, planner.state(of: branch))
        var transaction = transaction
        for key in settled {
            guard let record = try reader.version(key, in: state.levels)?.present,
                let conflict = ParkedConflict(record),
                let place = transaction.changes.firstIndex(where: { $0.key == conflict.conflict }),
                case .put(var put) = transaction.changes[place].action
            else { continue }
            let theirs = try reader.version(of: conflict, conflict.theirs)
            let present = try reader.version(conflict.conflict, in: state.levels)
            let others = try [conflict.ours, conflict.base].map { try reader.version(of: conflict, $0) }
            let same = ([present, theirs] + others).compactMap { $0?.content }.filter { $0.saysTheSame(as: put) }
            if let mark = same.lazy.compactMap({ $0.attributes[Quarantine.attribute] }).first {
                put.attributes[Quarantine.attribute] = mark
                transaction.changes[place].action = .put(put)
            }
            if put.vectors.isEmpty, let version = same.first, !version.vectors.isEmpty {
                put.vectors = version.vectors
                transaction.changes[place].action = .put(put)
            }
            if let theirs, conflict.kind != .undone, transaction.puts(theirs, as: put) {
                let undone = UndoneOnPurpose(cascades: writer.cascades, by: planner, in: state)
                let name = VersionName(conflict.conflict, at: theirs.revision)
                if let revert = try undone.revert(of: [name]) { throw Refusal.undone(name, by: revert, on: branch) }
            }
        }
        return transaction
    }
}

extension VersionReader {
    /// One that a conflict names; `nil`: there was none, or it is no longer kept.
    fileprivate func version(of conflict: ParkedConflict, _ side: ParkedConflict.Side?) throws -> KeyVersion? {
        guard let side, let branch = branches.byName[side.branch] else { return nil }
        let found = try version(conflict.conflict, in: [Level(branch: branch.id, upTo: side.revision)])
        return found?.revision == side.revision ? found : nil
    }
}

extension Transaction {
    /// Whether it takes a version as it is.
    fileprivate func puts(_ version: KeyVersion, as put: Put) -> Bool {
        guard let content = version.content, content.kind == put.kind, content.value == put.value else { return false }
        return reads.contains { $0.isOwn && $0.key == content.key && $0.version == version.revision }
    }
}

extension Record {
    /// Marks aside.
    fileprivate func saysTheSame(as put: Put) -> Bool {
        kind == put.kind && value == put.value && attributes.withoutReserved == put.attributes && links == put.links
    }
}

extension Refusal {
    fileprivate static func undone(_ name: VersionName, by revert: Revision, on branch: Branch) -> Refusal {
        Refusal(
            .invalidArgument,
            "theirs, revision \(name.revision) of key \"\(name.key)\", was undone on branch \"\(branch.name)\" by revision "
                + "\(revert), or derives from what was",
            hint: "settle it for ours, put a value of your own, or revert revision \(revert) first",
            subject: name.key.text)
    }
}
