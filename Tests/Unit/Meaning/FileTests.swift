import Foundation
import Testing

@testable import MembusMeaning

@Suite struct FileTests {
    @Test("a packed model opens, embeds, and tells what it was made of")
    func whole() throws {
        let path = try TinyModel().pack()
        defer { unlink(path) }
        let again = try TinyModel().pack()
        defer { unlink(again) }
        #expect(FileManager.default.contentsEqual(atPath: path, andPath: again))
        let model = try MeaningModel.open(path)
        #expect(model.tokens("A bc c") == [2, 5, 6, 7, 1, 3])
        #expect(model.embed("a b").count == 32 && model.dimensions == 32)
        #expect(model.identity.hasPrefix("bert-32-"))
        #expect(try MiniLM.model().identity == "bert-384-53aa51172d142c89")
    }

    @Test("a damaged byte, wherever it is, is told")
    func damaged() throws {
        let path = try TinyModel().pack()
        defer { unlink(path) }
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let places = Array(0..<300) + stride(from: 300, to: whole.count, by: 997) + (whole.count - 40..<whole.count)
        for place in places {
            var data = whole
            data[place] ^= 0x10
            let error = try #require(refusal(of: data))
            switch place {
            case ..<16: #expect(error.kind == .foreign)
            case 16..<20: #expect(error.kind == .newerVersion)
            default: #expect(error.kind == .damaged, "byte \(place)")
            }
            #expect(!error.message.isEmpty && error.hint.contains("./deploy/packages"))
        }
    }

    @Test("a file that ends early, or goes on, is told, and how long it should be")
    func truncated() throws {
        let path = try TinyModel().pack()
        defer { unlink(path) }
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for count in [1, 15, 16, 20, 127, 128, 200, whole.count / 2, whole.count - 33, whole.count - 1] {
            #expect(refusal(of: whole.prefix(count))?.kind == .damaged, "\(count) bytes")
        }
        #expect(refusal(of: whole + [0])?.message.contains("instead of \(whole.count)") == true)
    }

    @Test("what is no model, or none there, is told")
    func foreign() {
        #expect(refusal(of: Data())?.kind == .foreign)
        #expect(refusal(of: Data("SQLite format 3\0".utf8))?.kind == .foreign)
        #expect(throws: MeaningError.self) { try MeaningModel.open("/nowhere/model") }
        let error = #expect(throws: MeaningError.self) { try MeaningModel.open("/tmp") }
        #expect(error?.kind == .unreadable)
    }

    @Test("weights that are not the expected ones, or do not fit, are not packed")
    func weights() {
        let other = #expect(throws: MeaningError.self) { try TinyModel().pack(expected: ModelPacking.miniLM) }
        #expect(other?.message.contains(ModelPacking.miniLM) == true)
        let few = #expect(throws: MeaningError.self) { try TinyModel(words: ["[UNK]", "a"]).pack() }
        #expect(few?.kind == .foreign && few?.message.contains("2 words") == true)
        let lacking = "encoder.layer.0.attention.self.key.bias"
        let short = #expect(throws: MeaningError.self) { try TinyModel(without: lacking).pack() }
        #expect(short?.message.contains(lacking) == true)
        let text = temporaryPath("text")
        defer { unlink(text) }
        for content in ["", "short", String(repeating: "no weights ", count: 9)] {
            try? Data(content.utf8).write(to: URL(fileURLWithPath: text))
            let error = #expect(throws: MeaningError.self) {
                try ModelPacking.pack(weights: text, vocabulary: text, to: temporaryPath("none"), expected: nil)
            }
            #expect(error?.kind == .foreign)
        }
    }

    @Test("a vocabulary without BERT's names opens no model")
    func names() throws {
        let path = try TinyModel(words: ["[PAD]", "[UNK]", "[CLS]", "a", "b", "c", "d", "e"]).pack()
        defer { unlink(path) }
        let error = #expect(throws: MeaningError.self) { try MeaningModel.open(path) }
        #expect(error?.kind == .damaged)
    }

    private func refusal(of data: Data) -> MeaningError? {
        let path = temporaryPath("damaged")
        defer { unlink(path) }
        do {
            try data.write(to: URL(fileURLWithPath: path))
            _ = try MeaningModel.open(path)
            return nil
        } catch { return error as? MeaningError }
    }
}
