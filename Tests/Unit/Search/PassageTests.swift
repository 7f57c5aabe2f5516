import MembusDice
import Testing

@testable import MembusSearch

@Suite("Passages")
struct PassageTests {
    private let splitter: WordSplitter

    init() throws { splitter = try WordSplitter() }

    private func cut(_ written: String) -> [(text: String, words: Int)] {
        var written = written
        return written.withUTF8 { bytes in
            Passages.cut(bytes, splitter.split(bytes)).map { (text(bytes[$0.bytes]), $0.words.count) }
        }
    }

    private func words(_ count: Int, _ word: String = "word") -> String {
        Array(repeating: word, count: count).joined(separator: " ")
    }

    @Test("150 words are one passage, and so is no word at all")
    func one() {
        #expect(cut(words(150) + ".\n").map(\.words) == [150])
        #expect(cut("").map(\.words) == [0])
        #expect(cut("…").map(\.text) == ["…"])
    }

    @Test("a longer text is cut at the ends of its sentences", arguments: [".", "!", "?", ".\n", "\n"])
    func sentences(end: String) {
        let sentence = words(60) + end + " "
        #expect(cut(sentence + sentence + sentence).map(\.words) == [120, 60])
        #expect(cut(words(100) + end + " " + words(100)).map(\.words) == [100, 100])
    }

    @Test("a point within a word ends no sentence")
    func points() {
        #expect(cut(words(75, "3.14") + " " + words(10)).map(\.words) == [150, 10])
    }

    @Test("a sentence that is longer than a passage is cut by its words, and its rest goes on with what follows")
    func long() {
        #expect(cut(words(400)).map(\.words) == [150, 150, 100])
        #expect(cut(words(20) + ". " + words(310) + ". " + words(100) + ".").map(\.words) == [20, 150, 150, 110])
    }

    @Test("passages follow each other without a hole, and hold each word once", arguments: 0..<40 as Range<UInt64>)
    func whole(seed: UInt64) {
        var dice = Dice(seed: seed)
        var written = ""
        for _ in 0..<dice.below(900) {
            written += dice.pick(["train", "é", "x_y", "3.14", "日本"]) + dice.pick([" ", ". ", "\n", "… ", "?"])
        }
        written.withUTF8 { bytes in
            let split = splitter.split(bytes)
            let parts = Passages.cut(bytes, split)
            var (byte, word) = (0, 0)
            for part in parts {
                #expect(part.bytes.lowerBound == byte && part.words.lowerBound == word)
                #expect(part.words.count <= Passages.mostWords)
                for index in part.words {
                    #expect(part.bytes.contains(Int(split.spans[index].from)))
                    #expect(Int(split.spans[index].to) <= part.bytes.upperBound)
                }
                (byte, word) = (part.bytes.upperBound, part.words.upperBound)
            }
            #expect(word == split.count)
            // What is behind the last word may be left out.
            #expect(byte <= bytes.count)
        }
    }
}
