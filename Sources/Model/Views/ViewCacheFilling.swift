// Fills: values that readers fetched because they were not here.
//
// A ticket is drawn before the request is sent. What comes back is good for the reader in any case: it is the
// state at the revision that was asked for. It may be kept only if it still is the state at the cut:
//
//   change of the key since the ticket    not kept (the change may be newer than the fill)
//   snapshot or reset since the ticket    not kept (nobody saw what changed in between)
//   fill as of a revision below the cut at the ticket, or above the cut now: not kept
//
// A value that was announced is also kept, with the same ticket, if the entry still announces that version.

/// Says what a fill was asked for, and when.
package struct FillTicket: Sendable {
    /// Ask for the values as of this revision; `nil`: the view has no state yet.
    package let cut: Position?
    package let keys: [Key]
    let slots: [Int]
    let drawn: UInt64
}

extension ViewCache {
    /// Every ticket is given back, by ``fill(_:with:at:)`` for good or by ``cancelFill(_:)``.
    package mutating func beginFill(_ keys: [Key]) -> FillTicket {
        FillTicket(cut: cut, keys: keys, slots: keys.map { slot(for: $0) }, drawn: changes)
    }

    package mutating func cancelFill(_ ticket: consuming FillTicket) {
        for slot in ticket.slots { release(slot: slot) }
    }

    /// - Parameters:
    ///   - records: what was answered for the ticket's keys; a deletion says that there is none.
    ///   - position: the revision that they are as of.
    /// - Returns: how many of them are kept.
    @discardableResult
    package mutating func fill(_ ticket: consuming FillTicket, with records: [Record], at position: Position) -> Int {
        var kept = 0
        for record in records {
            guard let slot = find(record.key.text), slots[slot].holders > 0 else { continue }
            guard isCurrent(record, in: slot, at: position, ticket) else { continue }
            kept += keep(record, in: slot) ? 1 : 0
        }
        cancelFill(ticket)
        _ = makeRoom()
        return kept
    }

    private func isCurrent(
        _ record: Record, in slot: Int, at position: Position, _ ticket: borrowing FillTicket
    ) -> Bool {
        guard let cut, let then = ticket.cut, ticket.drawn >= voidedAt else { return false }
        if case .announced(let announced) = slots[slot].entry, announced.revision == record.revision {
            return !record.isDeleted
        }
        return mode == .invalidate && slots[slot].changed <= ticket.drawn && position.revision >= then.revision
            && position.revision <= cut.revision
    }

    /// In an update stream a value that does not fit is not worth a search for others to strip.
    private mutating func keep(_ record: Record, in slot: Int) -> Bool {
        if mode == .update, bytes + record.size > capacity { return false }
        set(slot, to: entry(for: record))
        return true
    }
}
