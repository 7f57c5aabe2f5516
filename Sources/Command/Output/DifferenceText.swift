import Membus

/// A difference as people see it.
struct DifferenceText {
    private let difference: Difference
    private let compared: Comparison
    private let output: Output
    /// Lines around what changed.
    private static let around = 3

    init(_ difference: Difference, _ compared: Comparison, _ output: Output) {
        self.difference = difference
        self.compared = compared
        self.output = output
    }

    private var key: String { Human.key(difference.key, onTerminal: output.isTerminal) }
    private var style: Style { output.style }

    /// On one line.
    var summary: String {
        let what =
            switch difference.change {
            case .added: "only in \(compared.to)"
            case .removed: "only in \(compared.from)"
            case .changed: changed
            }
        return " \(Human.padded(key, 28))  \(what)"
    }

    private var changed: String {
        guard let from = difference.from, let to = difference.to else { return "" }
        if let old = from.count, let new = to.count { return "\(old) → \(new)" }
        if from.kind != to.kind { return "\(from.kind) → \(to.kind)".escapingControlCharacters }
        if from.content == to.content { return "changed beside its value" }
        if let fields = difference.fields {
            if fields.isEmpty { return Self.inForm }
            return "changed   \(Human.plural(fields.count, "member"))"
        }
        guard let lines = difference.lines else {
            return "changed   \(Human.bytes(Int64(from.size))) → \(Human.bytes(Int64(to.size)))"
        }
        let removed = lines.count { $0.change == .removed }
        let added = lines.count { $0.change == .added }
        return removed + added == 0 ? Self.inForm : "changed   \(Human.plural(max(removed, added), "line"))"
    }

    /// The key, with who wrote what is there, then what is not the same.
    var whole: [String] {
        [
            style.bold(key) + "   "
                + style.dim("\(author(difference.from, compared.from))   \(author(difference.to, compared.to))")
        ]
            + values + annotations
    }

    private func author(_ record: Record?, _ state: StateName) -> String {
        let branch = state.branch?.text ?? ""
        guard let record else { return "not in \(branch)" }
        return "\(branch)@\(record.revision) \(record.owner.escapingControlCharacters)"
    }

    private var values: [String] {
        let (from, to) = (difference.from, difference.to)
        if from?.content == to?.content, from?.kind == to?.kind { return [] }
        if let fields = difference.fields {
            if fields.isEmpty { return [style.dim("  " + Self.inForm)] }
            return fields.flatMap { field in
                [
                    field.from.map { gone(line("\(field.path): \($0)")) },
                    field.to.map { come(line("\(field.path): \($0)")) },
                ]
                .compactMap(\.self)
            }
        }
        if from?.kind == .counter || to?.kind == .counter { return previews }
        guard let lines = difference.lines else { return previews }
        return lines.contains { $0.change != .same } ? text(lines) : [style.dim("  " + Self.inForm)]
    }

    private var previews: [String] {
        [difference.from.map { gone(Human.preview($0)) }, difference.to.map { come(Human.preview($0)) }].compactMap(
            \.self)
    }

    /// A last line's end, say, or the order of a JSON object's members.
    private static let inForm = "changed in form only"

    private func line(_ text: String) -> String { Human.line(text) }

    private func gone(_ text: String) -> String { style.red("- \(text)") }
    private func come(_ text: String) -> String { style.green("+ \(text)") }

    /// What changed, with some lines around it.
    private func text(_ lines: [LineChange]) -> [String] {
        let changed = lines.indices.filter { lines[$0].change != .same }
        var shown: [String] = []
        var last = -1
        for index in lines.indices where isNear(index, changed) {
            if index > last + 1 { shown.append(style.dim("  …")) }
            last = index
            let text = line(lines[index].text)
            switch lines[index].change {
            case .same: shown.append("  \(text)")
            case .removed: shown.append(gone(text))
            case .added: shown.append(come(text))
            }
        }
        if last < lines.count - 1, !changed.isEmpty { shown.append(style.dim("  …")) }
        return shown
    }

    /// - Parameter changed: ascending.
    private func isNear(_ index: Int, _ changed: [Int]) -> Bool {
        var (low, high) = (0, changed.count)
        while low < high {
            let middle = (low + high) / 2
            if changed[middle] < index - Self.around { low = middle + 1 } else { high = middle }
        }
        return low < changed.count && changed[low] <= index + Self.around
    }

    private var annotations: [String] {
        guard let from = difference.from, let to = difference.to else { return [] }
        var told: [String] = []
        func tell(_ what: String, _ old: String?, _ new: String?) {
            if let old { told.append(gone("\(what): \(old)".escapingControlCharacters)) }
            if let new { told.append(come("\(what): \(new)".escapingControlCharacters)) }
        }
        if from.kind != to.kind { tell("kind", from.kind.name, to.kind.name) }
        let names = Set((from.attributes.map(\.key) + to.attributes.map(\.key)).map { ByBytes($0) }).sorted()
        for name in names {
            let (old, new) = (from.attributes[name.text], to.attributes[name.text])
            if old.map({ ByBytes($0) }) != new.map({ ByBytes($0) }) { tell("attribute \(name.text)", old, new) }
        }
        for link in from.links where !to.links.contains(link) { tell("link \(link.relation)", link.target.text, nil) }
        for link in to.links where !from.links.contains(link) { tell("link \(link.relation)", nil, link.target.text) }
        if from.expires != to.expires { tell("expires", from.expires?.shown, to.expires?.shown) }
        return told
    }
}
