// A long value is cut at the ends of its sentences into passages, which are what words and meaning are counted in:
//
//   sentences, each to its end and with the white space behind it ─▶ as many as fit into a passage, one after the other
//   a sentence that is longer than a passage                      ─▶ pieces of a passage's words, then its rest

enum Passages {
    static let mostWords = 150

    /// A part of a text, and which of the text's words stand in it.
    struct Part: Hashable {
        var bytes: Range<Int>
        var words: Range<Int>
    }

    /// - Parameter words: of the text, by where each begins and ends in it.
    static func cut(_ text: UnsafeBufferPointer<UInt8>, _ words: WordSplitter.Words) -> [Part] {
        if words.count <= mostWords { return [Part(bytes: 0..<text.count, words: 0..<words.count)] }
        var parts: [Part] = []
        var open = Part(bytes: 0..<0, words: 0..<0)
        func close() {
            if !open.words.isEmpty { parts.append(open) }
            open = Part(
                bytes: open.bytes.upperBound..<open.bytes.upperBound,
                words: open.words.upperBound..<open.words.upperBound)
        }
        for sentence in sentences(text, words) {
            if open.words.count + sentence.words.count > mostWords { close() }
            var rest = sentence
            while rest.words.count > mostWords {
                let last = rest.words.lowerBound + mostWords
                let end = Int(words.spans[last - 1].to)
                open = Part(bytes: rest.bytes.lowerBound..<end, words: rest.words.lowerBound..<last)
                close()
                rest = Part(bytes: end..<rest.bytes.upperBound, words: last..<rest.words.upperBound)
            }
            open = Part(
                bytes: open.bytes.lowerBound..<rest.bytes.upperBound,
                words: open.words.lowerBound..<rest.words.upperBound)
        }
        close()
        return parts
    }

    private static func sentences(_ text: UnsafeBufferPointer<UInt8>, _ words: WordSplitter.Words) -> [Part] {
        var sentences: [Part] = []
        var (start, word) = (0, 0)
        func end(at place: Int) {
            let first = word
            while word < words.count, Int(words.spans[word].from) < place { word += 1 }
            sentences.append(Part(bytes: start..<place, words: first..<word))
            start = place
        }
        for place in 0..<text.count where endsSentence(text, place) { end(at: place + 1) }
        if start < text.count { end(at: text.count) }
        return sentences
    }

    private static func endsSentence(_ text: UnsafeBufferPointer<UInt8>, _ place: Int) -> Bool {
        switch text[place] {
        case UInt8(ascii: "\n"): return true
        case UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"):
            if place + 1 == text.count { return true }
            let next = text[place + 1]
            return next == UInt8(ascii: " ") || next >= 9 && next <= 13
        default: return false
        }
    }
}
