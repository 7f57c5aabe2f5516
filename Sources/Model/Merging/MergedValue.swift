import FoundationEssentials

/// The values of two sides of one kind, merged. `nil` as a result: they can't be.
struct MergedValue {
    let base: Record?
    let own: Record
    let other: Record
    let ours: MergeSide
    let theirs: MergeSide

    /// Of counters: what both sides added to the base. `nil`: that is more than a counter holds.
    var sum: MergedPart<Data>? {
        guard let own = own.count, let other = other.count, let before = base.map({ $0.count }) ?? 0,
            // In between it may be more than 64 bits.
            let sum = Int64(exactly: Int128(own) + Int128(other) - Int128(before))
        else { return nil }
        return MergedPart(sum, ours: own, theirs: other).map { Data(String($0).utf8) }
    }

    func merged(by policy: MergePolicy) -> MergedPart<Data>? {
        if own.content == other.content { return .both }
        if let base, base.kind == own.kind {
            if other.content == base.content { return .ours }
            if own.content == base.content { return .theirs }
        }
        return switch policy {
        case .json: JSONMerge.merge(base: base?.inline, ours: own.inline, theirs: other.inline)
        case .text: text
        case .set: set
        // A counter's policy reads nothing but counters.
        case .counter, .newest, .ours, .theirs, .ask: nil
        }
    }

    private var text: MergedPart<Data>? {
        // Line by line JSON could come out as none.
        if own.kind == .json || own.kind == .counter { return nil }
        guard [base, own, other].allSatisfy({ $0?.inline.isUTF8 ?? true }) else { return nil }
        let merged = theirs.appended(to: base, and: own) ?? ours.appended(to: base, and: other) ?? lines
        return merged.map { MergedPart($0, ours: own.inline, theirs: other.inline) }
    }

    private var lines: Data? {
        base.flatMap { LineMerge.merge(base: $0.inline, ours: own.inline, theirs: other.inline) }
    }

    private var set: MergedPart<Data>? {
        switch own.kind {
        case .json: SetMerge.arrays(base: base?.inline, ours: own.inline, theirs: other.inline)
        case .text: SetMerge.lines(base: base?.inline, ours: own.inline, theirs: other.inline)
        default: nil
        }
    }
}

extension MergeSide {
    /// What this side only appended to the base, appended to the other side. `nil`: it did more than that.
    fileprivate func appended(to base: Record?, and other: Record) -> Data? {
        guard hasOnlyAppended, let record else { return nil }
        let before = base?.inline ?? Data()
        guard record.inline.prefix(before.count) == before else { return nil }
        return other.inline + record.inline.dropFirst(before.count)
    }
}
