/// The words of a model, as they lie in its file: their bytes one after the other, where each begins, and a hash table,
/// which is open: a word's number, plus one, is in the first free slot from its hash on. A text is cut into the longest
/// words that there are, so that hashes of all beginnings of a word are wanted; FNV gives them in one pass.
struct Vocabulary {
    let slots: UnsafeBufferPointer<UInt32>
    let offsets: UnsafeBufferPointer<UInt32>
    let bytes: UnsafeBufferPointer<UInt8>
    /// In bytes.
    let longest: Int

    /// What pieces begin with that go on with a word.
    private static let marks = Array("##".utf8)

    /// FNV-1a.
    struct Hash {
        var value: UInt32 = 2_166_136_261

        mutating func add(_ byte: UInt8) { value = (value ^ UInt32(byte)) &* 16_777_619 }

        static let beginning = Hash()
        /// Of pieces that go on with a word.
        static let goingOn: Hash = {
            var hash = Hash()
            for mark in marks { hash.add(mark) }
            return hash
        }()
    }

    /// - Returns: nil if what is in the file makes no sense.
    init?(_ file: ModelFile, in memory: UnsafeRawBufferPointer) {
        func integers(_ start: Int, _ count: Int) -> UnsafeBufferPointer<UInt32> {
            UnsafeRawBufferPointer(rebasing: memory[start..<start + count * 4]).assumingMemoryBound(to: UInt32.self)
        }
        slots = integers(ModelFile.headerBytes, file.slots)
        let offsets = integers(file.offsetsStart, file.words + 1)
        self.offsets = offsets
        bytes = UnsafeRawBufferPointer(rebasing: memory[file.bytesStart..<file.bytesStart + file.wordBytes])
            .assumingMemoryBound(to: UInt8.self)
        guard offsets[0] == 0, offsets[file.words] == UInt32(file.wordBytes),
            (0..<file.words).allSatisfy({ offsets[$0] <= offsets[$0 + 1] }),
            slots.allSatisfy({ $0 <= UInt32(file.words) }), slots.contains(0)
        else { return nil }
        longest = zip(offsets, offsets.dropFirst()).reduce(0) { max($0, Int($1.1 - $1.0)) }
    }

    /// The number of a piece that hashes to `hash`.
    func number(of piece: some Collection<UInt8>, goesOn: Bool = false, hash: Hash) -> UInt32? {
        var slot = Int(hash.value) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            let word = bytes[Int(offsets[number])..<Int(offsets[number + 1])]
            if word.count == piece.count + (goesOn ? 2 : 0), word.suffix(piece.count).elementsEqual(piece),
                !goesOn || word.starts(with: Self.marks)
            {
                return UInt32(number)
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    func number(of word: String) -> UInt32? {
        var hash = Hash.beginning
        for byte in word.utf8 { hash.add(byte) }
        return number(of: Array(word.utf8), hash: hash)
    }
}

extension Vocabulary {
    /// The table, the offsets and the bytes of these words, as a file holds them.
    static func layOut(_ words: [ArraySlice<UInt8>]) -> (slots: [UInt32], offsets: [UInt32], bytes: [UInt8]) {
        var count = 1
        while count < words.count * 2 { count *= 2 }
        var slots = [UInt32](repeating: 0, count: count)
        var offsets: [UInt32] = [0]
        var bytes: [UInt8] = []
        for (number, word) in words.enumerated() {
            var hash = Hash.beginning
            for byte in word { hash.add(byte) }
            var slot = Int(hash.value) & (count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (count - 1) }
            slots[slot] = UInt32(number) + 1
            bytes += word
            offsets.append(UInt32(bytes.count))
        }
        return (slots, offsets, bytes)
    }
}
