import FoundationEssentials

// The order, for one key:
//   1. theirs says what the base says: ours; ours does: theirs; both say the same: ours. Not so for counters that are
//      summed: two increments that came to the same number are two;
//   2. one side has no record: if the other only says in other words what the base says, there is none; if its time had
//      come, the other side; else a conflict;
//   3. different kinds: a conflict;
//   4. the value, by the policy; then attributes, links and expiry. Where a part can't be merged: a conflict. Vectors are those of the
//      side whose value it is;
//   5. what came out as one side has it is that side, all else is a combination.
// The policies newest, ours and theirs settle each conflict, for the whole record.
//
// A worked case, of kind json and by its usual policy:
//
//     base    {"day":1,"city":"Rome"}
//     ours    {"day":2,"city":"Rome"}                  a link was added
//     theirs  {"day":1,"city":"Rome","hotel":"Sole"}
//     merged  {"day":2,"city":"Rome","hotel":"Sole"}   with the link
//
// Were theirs' day 3, the whole key would be a conflict.

/// Merges what two sides have made of one record. It is blind to history: whoever calls it finds the base.
package enum ThreeWay {
    package enum Result: Hashable, Sendable {
        /// What one side has, without a conflict. It may be that both have it, or that the other's changes are in it.
        case ours, theirs
        /// A conflict that the policy newest, ours or theirs settled.
        case settled(MergeChoice)
        case combined(MergedContent)
        case conflict(MergeConflictKind)
    }

    /// With the sides swapped the result is mirrored, but for the order of pieces, members and elements, for the
    /// owner, and where both sides say the same: that is ``Result/ours``.
    ///
    /// - Parameters:
    ///   - base: what both sides began with; `nil`: there was none.
    ///   - policy: `nil`: the usual one of the kind.
    /// - Precondition: no record is a deletion, and all have their values.
    package static func merge(
        base: Record?, ours: MergeSide, theirs: MergeSide, by policy: MergePolicy?
    ) -> Result {
        for record in [base, ours.record, theirs.record] {
            precondition(record.map { !$0.isDeleted && $0.value != nil } ?? true, "a merge needs records with values")
        }
        return KeyMerge(base: base, ours: ours, theirs: theirs, policy: policy).result
    }

    /// Whether two records say the same, if only in other words: members and links have no order, nor have elements by
    /// the policy set.
    package static func agree(_ a: Record?, _ b: Record?, by policy: MergePolicy?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        if a.saysTheSame(as: b) { return true }
        guard a.kind == b.kind, a.attributes == b.attributes, Set(a.links) == Set(b.links), a.expires == b.expires
        else { return false }
        // Without a base, values that say the same merge to what both say; all others differ from one side at least.
        let values = MergedValue(
            base: nil, own: a, other: b, ours: MergeSide(record: a, revision: 0),
            theirs: MergeSide(record: b, revision: 0))
        return if case .both = values.merged(by: policy ?? .usual(for: a.kind)) { true } else { false }
    }
}

private struct KeyMerge {
    let base: Record?
    let ours: MergeSide
    let theirs: MergeSide
    let policy: MergePolicy?

    var result: ThreeWay.Result {
        if Self.areSame(theirs.record, base) { return .ours }
        if Self.areSame(ours.record, base) { return .theirs }
        switch (ours.record, theirs.record) {
        case (nil, nil): return .ours
        // Who only says in other words what the base says has changed nothing.
        case (nil, let other?):
            if ThreeWay.agree(other, base, by: policy) { return .ours }
            return ours.isExpired ? .theirs : conflict(.deletedAndChanged)
        case (let own?, nil):
            if ThreeWay.agree(own, base, by: policy) { return .theirs }
            return theirs.isExpired ? .ours : conflict(.changedAndDeleted)
        case (let own?, let other?): return result(own, other)
        }
    }

    private static func areSame(_ a: Record?, _ b: Record?) -> Bool {
        switch (a, b) {
        case (nil, nil): true
        case (nil, .some), (.some, nil): false
        case (let a?, let b?): a.saysTheSame(as: b)
        }
    }

    private func result(_ own: Record, _ other: Record) -> ThreeWay.Result {
        let policy = policy ?? .usual(for: own.kind)
        let isSummed = policy == .counter && [own, other, base ?? own].allSatisfy { $0.kind == .counter }
        if !isSummed, own.saysTheSame(as: other) { return .ours }
        if own.kind != other.kind { return conflict(.differentKinds) }
        if let base, base.kind != own.kind, own.content != other.content { return conflict(.differentKinds) }

        let values = MergedValue(base: base, own: own, other: other, ours: ours, theirs: theirs)
        guard let value = isSummed ? values.sum : values.merged(by: policy),
            let attributes = Self.attributes(base?.attributes ?? [:], own.attributes, other.attributes)
        else { return conflict(base == nil ? .bothCreated : .bothChanged) }
        let links = SetMerge.merge(base: base?.links ?? [], ours: own.links, theirs: other.links)
        let expires = MergedPart(
            Self.later(own.expires, other.expires), ours: own.expires, theirs: other.expires)

        let vectors = vectors(own, other, of: value)
        if value.isOurs, attributes.isOurs, links.isOurs, expires.isOurs, vectors.isOurs { return .ours }
        if value.isTheirs, attributes.isTheirs, links.isTheirs, expires.isTheirs, vectors.isTheirs { return .theirs }
        return .combined(
            MergedContent(
                kind: own.kind, value: value.content(ours: own.inline, theirs: other.inline),
                attributes: attributes.content(ours: own.attributes, theirs: other.attributes),
                links: links.content(ours: own.links, theirs: other.links), owner: own.owner,
                expires: expires.content(ours: own.expires, theirs: other.expires),
                vectors: vectors.content(ours: own.vectors, theirs: other.vectors)))
    }

    /// They are never a conflict: whichever side has the value knows them, and where both have it, the side that changed them.
    private func vectors(_ own: Record, _ other: Record, of value: MergedPart<Data>) -> MergedPart<Vectors> {
        let merged: Vectors =
            switch value {
            case .ours: own.vectors
            case .theirs: other.vectors
            case .made: .none
            case .both:
                if own.vectors == base?.vectors {
                    other.vectors
                } else if other.vectors == base?.vectors {
                    own.vectors
                } else {
                    own.vectors.isEmpty ? other.vectors : own.vectors
                }
            }
        return MergedPart(merged, ours: own.vectors, theirs: other.vectors)
    }

    private func conflict(_ kind: MergeConflictKind) -> ThreeWay.Result {
        switch policy {
        // Two versions of one revision are one version: there is no tie to break.
        case .newest: .settled(theirs.revision > ours.revision ? .theirs : .ours)
        case .ours: .settled(.ours)
        case .theirs: .settled(.theirs)
        case .counter, .json, .text, .set, .ask, nil: .conflict(kind)
        }
    }

    /// By name.
    /// - Returns: `nil` if both sides changed one, and differently.
    private static func attributes(
        _ base: Attributes, _ ours: Attributes, _ theirs: Attributes
    ) -> MergedPart<Attributes>? {
        var merged = ours
        for (name, value) in theirs {
            let (before, own) = (base[name], ours[name])
            if areSame(value, before) || areSame(value, own) { continue }
            guard areSame(own, before) else { return nil }
            merged[name] = value
        }
        for (name, value) in ours where theirs[name] == nil {
            // It is new, or theirs removed it.
            guard let before = base[name] else { continue }
            guard areSame(value, before) else { return nil }
            merged[name] = nil
        }
        return MergedPart(merged, ours: ours, theirs: theirs)
    }

    private static func areSame(_ a: String?, _ b: String?) -> Bool {
        switch (a, b) {
        case (nil, nil): true
        case (nil, .some), (.some, nil): false
        case (let a?, let b?): a.hasSameBytes(as: b)
        }
    }

    /// `nil`, never, is the latest.
    private static func later(_ a: Timestamp?, _ b: Timestamp?) -> Timestamp? {
        guard let a, let b else { return nil }
        return max(a, b)
    }
}

extension Record {
    /// A merge's records all have their values.
    var inline: Data { value ?? Data() }
}
