/// BERT's tokenizer for English without capitals, equal to the reference, token by token. A text goes through these
/// stops, character by character, so that a long one costs no more than what is wanted of it:
///
///   1. names     [CLS], [SEP] and their like, as they are written
///   2. cleaning  controls leave, spaces divide, ideographs stand alone; accents leave, letters become small
///   3. words     punctuation stands alone
///   4. pieces    the longest beginning that is in the vocabulary, then the longest that goes on, and so on;
///                [UNK] for the whole word if nothing fits, or if it is longer than 100 characters
struct Tokenizer {
    private static let longestWord = 100

    private let vocabulary: Vocabulary
    private let names: [(bytes: [UInt8], number: UInt32)]
    private let unknown, start, end: UInt32

    /// - Returns: nil if the vocabulary lacks one of BERT's names.
    init?(_ vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        let names = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]"].compactMap { name in
            vocabulary.number(of: name).map { (bytes: Array(name.utf8), number: $0) }
        }
        guard names.count == 5 else { return nil }
        self.names = names
        (unknown, start, end) = (names[0].number, names[1].number, names[2].number)
    }

    /// What the encoder takes: the first `limit` less two tokens of a text, between [CLS] and [SEP].
    func tokens(of text: String, atMost limit: Int) -> [UInt32] {
        var cutter = Cutter(self, atMost: limit - 2)
        cutter.cut(text)
        return [start] + cutter.pieces.prefix(limit - 2) + [end]
    }

    /// Of the whole text, without [CLS] and [SEP].
    func count(of text: String) -> Int {
        var cutter = Cutter(self, atMost: nil)
        cutter.cut(text)
        return cutter.count
    }

    private struct Cutter {
        let tokenizer: Tokenizer
        /// nil: only counts.
        let limit: Int?
        var pieces: [UInt32] = []
        var count = 0
        private var run = CharacterRun()
        private var word: [UInt8] = []
        /// Of the word, in characters.
        private var length = 0
        private var hashes: [Vocabulary.Hash] = []

        init(_ tokenizer: Tokenizer, atMost limit: Int?) {
            self.tokenizer = tokenizer
            self.limit = limit
        }

        private var isDone: Bool { limit.map { count >= $0 } ?? false }

        mutating func cut(_ text: String) {
            var text = text
            text.withUTF8 { bytes in
                var place = 0
                while place < bytes.count, !isDone {
                    if bytes[place] == UInt8(ascii: "["), let name = name(at: bytes[place...]) {
                        endWord()
                        emit(name.number)
                        place += name.bytes.count
                    } else if bytes[place] < 0x80 {
                        take(ascii: bytes[place])
                        place += 1
                    } else {
                        take(scalar(in: bytes, at: &place))
                    }
                }
            }
            if !isDone { endWord() }
        }

        private func name(at bytes: Slice<UnsafeBufferPointer<UInt8>>) -> (bytes: [UInt8], number: UInt32)? {
            tokenizer.names.first { bytes.starts(with: $0.bytes) }
        }

        /// Strings are valid UTF-8.
        private func scalar(in bytes: UnsafeBufferPointer<UInt8>, at place: inout Int) -> Unicode.Scalar {
            let first = bytes[place]
            let count = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
            var value = UInt32(first) & (0x7F >> UInt32(count))
            for byte in bytes[place + 1..<place + count] { value = value << 6 | UInt32(byte & 0x3F) }
            place += count
            return Unicode.Scalar(value) ?? "\u{FFFD}"
        }

        private mutating func take(ascii byte: UInt8) {
            let scalar = Unicode.Scalar(byte)
            switch scalar.kind {
            case .nothing: break
            case .space: endWord()
            default:
                endRun()
                add(byte >= 0x41 && byte <= 0x5A ? Unicode.Scalar(byte + 0x20) : scalar)
            }
        }

        private mutating func take(_ scalar: Unicode.Scalar) {
            switch scalar.kind {
            case .nothing: break
            case .space: endWord()
            case .ideograph:
                endWord()
                run.append(scalar)
                endWord()
            case .other:
                if run.isFull(before: scalar) { endRun() }
                run.append(scalar)
            }
        }

        private mutating func endRun() {
            var run = run
            run.take { add($0) }
            self.run = run
        }

        /// A cleaned character.
        private mutating func add(_ scalar: Unicode.Scalar) {
            let isPunctuation = scalar.isPunctuation
            if isPunctuation { cutWord() }
            length += 1
            if length <= Tokenizer.longestWord {
                word.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
            if isPunctuation { cutWord() }
        }

        private mutating func endWord() {
            endRun()
            cutWord()
        }

        private mutating func emit(_ piece: UInt32) {
            count += 1
            if limit != nil { pieces.append(piece) }
        }

        private mutating func cutWord() {
            guard length > 0 else { return }
            defer {
                word.removeAll(keepingCapacity: true)
                length = 0
            }
            let before = (count, pieces.count)
            guard length <= Tokenizer.longestWord, cutIntoPieces() else {
                count = before.0
                pieces.removeSubrange(before.1...)
                emit(tokenizer.unknown)
                return
            }
        }

        /// - Returns: whether all of the word is in the vocabulary.
        private mutating func cutIntoPieces() -> Bool {
            var start = 0
            while start < word.count {
                guard let (number, end) = longestPiece(from: start) else { return false }
                emit(number)
                start = end
            }
            return true
        }

        private mutating func longestPiece(from start: Int) -> (UInt32, Int)? {
            hashes.removeAll(keepingCapacity: true)
            var hash = start == 0 ? Vocabulary.Hash.beginning : .goingOn
            for byte in word[start...].prefix(tokenizer.vocabulary.longest) {
                hash.add(byte)
                hashes.append(hash)
            }
            for end in hashes.indices.reversed() {
                let piece = word[start...start + end]
                if let number = tokenizer.vocabulary.number(of: piece, goesOn: start > 0, hash: hashes[end]) {
                    return (number, start + end + 1)
                }
            }
            return nil
        }
    }
}
