import MembusModel

/// Turns a version into postings, a passage at a time. Used by one thread at a time.
final class RecordIndexer {
    private let splitter: WordSplitter
    private var words = WordSplitter.Words()
    private var raw = WordSplitter.Words()
    private var folded: [UInt8] = []
    /// Names come again and again: their terms, by what they are made of.
    private var known: [ByBytes: [[UInt8]]] = [:]
    /// Of the version at hand.
    private var fields = TermList()
    /// Of fields that say the same in many versions: who wrote them, and why.
    private var knownFields: [ByBytes: TermList] = [:]

    init(_ splitter: WordSplitter) { self.splitter = splitter }

    /// - Parameter first: the number of its first passage.
    /// - Returns: its passages; at least one is there.
    func index(_ version: StoredText, from first: UInt32, into pending: PendingPostings) -> [Columns.Unit] {
        let text = RecordText(version)
        let names = text.names.map { terms(of: $0) }
        collect(text.fields)
        let links = version.record.links
        let targets = links.isEmpty ? [] : Set(links.map { TermNames.target($0.target.text) })
        return text.body.withUnsafeBufferPointer { body in
            splitter.split(body, into: &words)
            let parts = Passages.cut(body, words)
            let named = names.reduce(0) { $0 + $1.count }
            for (index, part) in parts.enumerated() {
                let unit = first + UInt32(index)
                add(part, of: body, text, unit, into: pending)
                if index == 0 {
                    for target in targets { target.withUnsafeBufferPointer { pending.add($0, unit) } }
                } else if (named + fields.count) * parts.count > Self.mostNamed {
                    continue
                }
                for name in names {
                    for term in name { term.withUnsafeBufferPointer { pending.addName($0, unit) } }
                }
                fields.each { pending.add($0, unit) }
            }
            return parts.map { part in
                Columns.Unit(
                    words: UInt8(part.words.count),
                    content: ContentName(
                        author: version.author,
                        passage: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: body[part.bytes]))))
            }
        }
    }

    private func add(
        _ part: Passages.Part, of body: UnsafeBufferPointer<UInt8>, _ text: RecordText, _ unit: UInt32,
        into pending: PendingPostings
    ) {
        let breaks = text.breaks
        var member = MemberTerms(text.members)
        var (gap, nextBreak) = (Int32(0), breaks.firstIndex { $0 > part.bytes.lowerBound } ?? breaks.endIndex)
        words.bytes.withUnsafeBufferPointer { terms in
            for index in part.words {
                let span = words.spans[index]
                while nextBreak < breaks.endIndex, breaks[nextBreak] <= Int(span.from) {
                    gap += Self.breakGap
                    nextBreak += 1
                }
                let term = UnsafeBufferPointer(rebasing: terms[words.range(index)])
                let source = UnsafeBufferPointer(rebasing: body[Int(span.from)..<Int(span.to)])
                let isWritten = fold(source, isEqualTo: term)
                let place = Int32(index - part.words.lowerBound) + gap
                pending.add(term, unit, isWritten: isWritten, at: place)
                if !isWritten { folded.withUnsafeBufferPointer { pending.add($0, unit) } }
                guard member.move(to: Int(span.from)) else { continue }
                member.with(term) { pending.add($0, unit, isWritten: isWritten, at: place) }
                if !isWritten { folded.withUnsafeBufferPointer { member.with($0) { pending.add($0, unit) } } }
                member.withSize { pending.add($0, unit) }
            }
        }
        addIdentifiers(of: part, of: body, text, unit, into: pending)
    }

    /// Of JSON string by string: none reaches from one into the next.
    private func addIdentifiers(
        of part: Passages.Part, of body: UnsafeBufferPointer<UInt8>, _ text: RecordText, _ unit: UInt32,
        into pending: PendingPostings
    ) {
        if text.members.isEmpty {
            eachIdentifier(in: UnsafeBufferPointer(rebasing: body[part.bytes])) {
                pending.add($0, unit, isWritten: false)
            }
            return
        }
        var member = MemberTerms(text.members)
        for one in text.members[text.members.firstIndex(endingAfter: part.bytes.lowerBound)...] {
            if one.bytes.lowerBound >= part.bytes.upperBound { break }
            let isNamed = member.move(to: one.bytes.lowerBound)
            let bytes = one.bytes.clamped(to: part.bytes)
            eachIdentifier(in: UnsafeBufferPointer(rebasing: body[bytes])) { term in
                pending.add(term, unit, isWritten: false)
                if isNamed { member.with(term) { pending.add($0, unit, isWritten: false) } }
            }
        }
    }

    private func eachIdentifier(
        in text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        Identifiers.find(in: text) { whole in
            whole.withUnsafeBufferPointer(body)
        } part: { part in
            for stem in stems(of: String(decoding: part, as: UTF8.self)) { stem.withUnsafeBufferPointer(body) }
        }
    }

    /// Names and fields stand in each passage, unless that came to more than this: then in the first alone.
    private static let mostNamed = 100_000

    /// No phrase reaches from one string of a JSON value into the next.
    private static let breakGap: Int32 = 100

    /// Whether a word is its stem; else ``folded`` holds the name under which it stands as it was written.
    private func fold(_ source: UnsafeBufferPointer<UInt8>, isEqualTo stem: UnsafeBufferPointer<UInt8>) -> Bool {
        if source.count == stem.count {
            var isEqual = true
            for index in 0..<source.count {
                let byte = source[index]
                let lower = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
                if byte >= 0x80 || lower != stem[index] {
                    isEqual = false
                    break
                }
            }
            if isEqual { return true }
        }
        folded.removeAll(keepingCapacity: true)
        folded.append(TermNames.written)
        if source.allSatisfy({ $0 < 0x80 }) {
            for byte in source { folded.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) }
        } else {
            splitter.split(source, isStemmed: false, into: &raw)
            folded.append(contentsOf: raw.bytes)
        }
        return folded.dropFirst().elementsEqual(stem)
    }

    // MARK: Names

    private func collect(_ told: [(name: String, text: String)]) {
        fields.removeAll()
        for (place, (name, text)) in told.enumerated() {
            // Author, kind and message.
            guard (1...3).contains(place) else {
                add(name, text, to: &fields)
                continue
            }
            if text.isEmpty { continue }
            let both = ByBytes(name + "\u{1}" + text)
            if knownFields[both] == nil {
                if knownFields.count >= Self.mostKnown { knownFields.removeAll() }
                var terms = TermList()
                add(name, text, to: &terms)
                knownFields[both] = terms
            }
            if let terms = knownFields[both] { fields.append(terms) }
        }
    }

    private func add(_ name: String, _ text: String, to terms: inout TermList) {
        var text = text
        text.withUTF8 { splitter.split($0, into: &raw) }
        raw.bytes.withUnsafeBufferPointer { bytes in
            for index in 0..<raw.count {
                terms.append(
                    field: name.utf8, UnsafeBufferPointer(rebasing: bytes[raw.range(index)]))
            }
        }
    }

    private func stems(of text: String) -> [[UInt8]] {
        let split = splitter.split(text)
        return (0..<split.count).map { split.term($0) }
    }

    /// Of a name, with what stands beside them.
    private func terms(of name: String) -> [[UInt8]] {
        if let terms = known[ByBytes(name)] { return terms }
        var terms = stems(of: name)
        var text = name
        text.withUTF8 { bytes in
            Identifiers.find(in: bytes) {
                terms.append(Array($0))
            } part: { part in
                terms += stems(of: String(decoding: part, as: UTF8.self))
            }
        }
        if known.count >= Self.mostKnown { known.removeAll() }
        known[ByBytes(name)] = terms
        return terms
    }
    private static let mostKnown = 4000
}
