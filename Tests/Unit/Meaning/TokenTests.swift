import Foundation
import Testing

@testable import MembusMeaning

@Suite struct TokenTests {
    @Test("tokens and their count are the reference's")
    func references() throws {
        let model = try MiniLM.model()
        let references = try Reference.all()
        #expect(references.count > 150)
        for reference in references {
            #expect(model.tokens(reference.text) == reference.tokens, "\(reference.text.debugDescription)")
            #expect(model.tokenCount(reference.text) == reference.count, "\(reference.text.debugDescription)")
        }
    }

    @Test("a text's first 254 tokens are taken, and all of them are counted")
    func limit() throws {
        let model = try MiniLM.model()
        let text = String(repeating: "word ", count: 254)
        #expect(model.tokens(text).count == 256)
        #expect(model.tokens(text + "more") == model.tokens(text))
        #expect(model.tokens(text).last == 102)
        #expect(model.tokenCount(text + "more") == 255)
    }

    @Test(
        "a megabyte is counted, and of one that is embedded no more is looked at than is wanted",
        .timeLimit(.minutes(1)))
    func megabytes() throws {
        let model = try MiniLM.model()
        for piece in [
            "the quick brown fox. ", "a", "é", "e\u{301}", "漢", "привет мир ", "\u{301}", "😀", "\u{200b}", "[",
        ] {
            let text = String(repeating: piece, count: (1 << 20) / piece.utf8.count)
            #expect(model.tokens(text) == model.tokens(String(text.unicodeScalars.prefix(20_000))), "\(piece)")
            #expect(model.tokenCount(text) > 0 || piece == "\u{301}" || piece == "\u{200b}", "\(piece)")
        }
        #expect(model.tokenCount(String(repeating: "a", count: 1 << 20)) == 1)
        #expect(model.tokenCount(String(repeating: "漢", count: 100_000)) == 100_000)
    }

    @Test("where an accent is cut from its letter, in a long run, does not matter")
    func longRuns() throws {
        let model = try MiniLM.model()
        for length in 60...70 {
            let text = String(repeating: "é", count: length) + "\u{323}\u{301}é"
            #expect(model.tokens(text) == model.tokens(String(repeating: "e", count: length + 1)))
        }
    }

    @Test("words that nothing fits are one unknown token each")
    func unknown() throws {
        let model = try MiniLM.model()
        #expect(model.tokens("⿰ 😀😀 \(String(repeating: "x", count: 101))") == [101, 100, 100, 100, 102])
        #expect(model.tokens("") == [101, 102])
        #expect(model.tokens("\u{200b}\u{0} \n") == [101, 102])
    }
}
