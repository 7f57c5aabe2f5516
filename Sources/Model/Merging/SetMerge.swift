import FoundationEssentials

/// Lists taken as sets: what both sides kept of the base, and what either added, in ours' order, then in theirs'.
enum SetMerge {
    static func merge<Element: Hashable>(
        base: [Element], ours: [Element], theirs: [Element]
    ) -> MergedPart<[Element]> {
        let (before, own, other) = (Set(base), Set(ours), Set(theirs))
        if own == other { return .both }
        var merged: [Element] = []
        var seen: Set<Element> = []
        for element in ours where !before.contains(element) || other.contains(element) {
            if seen.insert(element).inserted { merged.append(element) }
        }
        for element in theirs where !before.contains(element) {
            if seen.insert(element).inserted { merged.append(element) }
        }
        // A side that has the same elements, in whatever order, keeps them as they are.
        return seen == own ? .ours : seen == other ? .theirs : .made(merged)
    }

    /// JSON arrays, their elements compared by what they mean.
    /// - Returns: `nil` if one is no array.
    static func arrays(base: Data?, ours: Data, theirs: Data) -> MergedPart<Data>? {
        guard let own = elements(of: ours), let other = elements(of: theirs),
            let before = base.map({ elements(of: $0) }) ?? []
        else { return nil }
        return merge(base: before, ours: own, theirs: other).map { JSON.array($0.map(\.json)).serialised }
    }

    private static func elements(of text: Data) -> [JSONMeaning]? {
        guard let json = try? JSON(parsing: text), case .array(let elements) = json else { return nil }
        return elements.map { JSONMeaning($0) }
    }

    /// The lines of texts, whatever ends them.
    static func lines(base: Data?, ours: Data, theirs: Data) -> MergedPart<Data> {
        func elements(_ text: Data?) -> [TextLine] { text.map { TextLine.lines(of: $0).map(\.withoutEnd) } ?? [] }
        return merge(base: elements(base), ours: elements(ours), theirs: elements(theirs)).map { lines in
            var text = Data(lines.map(\.bytes).joined(separator: [TextLine.end]))
            if !lines.isEmpty, endsLast(base, ours, theirs) { text.append(TextLine.end) }
            return text
        }
    }

    /// Whether the last line of all has an end: as the side has it that changed that.
    private static func endsLast(_ base: Data?, _ ours: Data, _ theirs: Data) -> Bool {
        func ends(_ text: Data) -> Bool { text.last.map { $0 == TextLine.end } ?? true }
        return ends(ours) == ends(theirs) ? ends(ours) : !(base.map(ends) ?? false)
    }
}
